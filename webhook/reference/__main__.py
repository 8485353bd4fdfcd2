"""`python -m webhook.reference DOCS EXAMPLES`: write the pages and the examples."""

import sys
from pathlib import Path

from webhook.reference import write

write(Path(sys.argv[1]), Path(sys.argv[2]))
