"""`python -m webhook.reference DOCS EXAMPLES`: write the pages and the examples.

Where a table lacks something, that is all that is said, and nothing is written.
"""

import sys
from pathlib import Path

from webhook.tables import TableError

try:
    from webhook.reference.pages import write  # the tables are checked when they are imported

    write(Path(sys.argv[1]), Path(sys.argv[2]))
except TableError as error:
    sys.exit(f"make docs: {error}")
