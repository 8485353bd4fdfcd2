"""Start the program, also where nothing is installed: `python3 -I -S …/webhook/reader/__main__.py`.

-I and -S leave out the environment, the current directory and the site's packages; that is safer, and cheaper than
-m, whose `runpy` alone is 0.7 MiB. Then this package has no name but the one that it is given here (PEP 366), and
`webhook`, which would cost more than all of it, is not imported.
"""

import os
import sys

if not __package__:
    sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # noqa: PTH120 - pathlib costs 1.5 MiB
    __package__ = "reader"

from .program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
