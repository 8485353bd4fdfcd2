"""The application of the demo: writes a line of JSON a second to a log file, as shops do.

`shop.py FOLDER`
"""

import datetime as dt
import itertools
import json
import sys
import time
from pathlib import Path

_VISITS = (
    {"level": "info", "message": "GET /", "status": 200, "duration": 0.012},
    {"level": "info", "message": "GET /cart", "status": 200, "duration": 0.031},
    {"level": "warning", "message": "POST /pay", "status": 402, "duration": 0.218, "reason": "card declined"},
    {"level": "info", "message": "POST /pay", "status": 200, "duration": 0.187},
    {"level": "error", "message": "GET /orders/7", "status": 500, "duration": 1.502, "reason": "database is busy"},
)


def main(folder: Path) -> None:
    """Write on until it is ended."""
    with (folder / "shop.log").open("a", encoding="utf-8") as log:
        for visit in itertools.cycle(_VISITS):
            now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            log.write(json.dumps({"time": now, **visit}) + "\n")
            log.flush()
            time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
