#!/bin/sh
# VictoriaLogs 1.52.1: one line above its limit (-insert.maxLineSizeBytes, 256 KiB) costs others that are good, and each
# protocol does it in its own way.
# - /insert/jsonline: what stands behind it in the request is not stored, and the answer is 200.
# - /insert/elasticsearch/_bulk: what stands behind it is not stored, the answer is 400, and what stands before it is
#   stored: a shipper that sends the request again stores it again.
# - /insert/loki/api/v1/push: the others are stored.
# Seen: below. Needs Go and Python. Fails if that changes.
set -eu
work=$(mktemp -d)
trap 'kill "$database" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
database=
export GOMODCACHE="$work/modules" GOFLAGS=-modcacherw GOBIN="$work"
cd "$work"
go install github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1 >log 2>&1 || { cat log; exit 1; }
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
./victoria-logs -storageDataPath=data -httpListenAddr="127.0.0.1:$port" 2>log &
database=$!
python3 - "$port" <<'PY'
import json
import sys
import time
import urllib.error
import urllib.request

BASE = f"http://127.0.0.1:{sys.argv[1]}"
LINES = ["before", "x" * 300_000, "after", "at the end"]
FIELDS = "_msg_field=text&_time_field=time&_stream_fields=by"


def ask(path: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(BASE + path, body, {"Content-Type": "application/json"})) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def stored(by: str) -> list[str]:
    ask("/internal/force_flush")
    found = ask(f"/select/logsql/query?query=by:{by}")[1].splitlines()
    return sorted(json.loads(line)["_msg"][:10] for line in found)


for _ in range(600):
    try:
        if ask("/health")[0] == 200:
            break
    except OSError:
        time.sleep(0.1)

now = time.time_ns()
records = {by: [{"time": now // 10**6, "text": text, "by": by} for text in LINES] for by in ("jsonline", "bulk")}
bodies = {
    "jsonline": (f"/insert/jsonline?{FIELDS}", "".join(json.dumps(each) + "\n" for each in records["jsonline"])),
    "bulk": (f"/insert/elasticsearch/_bulk?{FIELDS}", "".join('{"create":{}}\n' + json.dumps(each) + "\n" for each in records["bulk"])),
    "loki": ("/insert/loki/api/v1/push", json.dumps({"streams": [{"stream": {"by": "loki"}, "values": [[str(now), text] for text in LINES]}]})),
}
seen = {}
for by, (path, body) in bodies.items():
    status = ask(path, body.encode())[0]
    seen[by] = (status, stored(by))
    print(by, *seen[by])
expected = {"jsonline": (200, ["before"]), "bulk": (400, ["before"]), "loki": (204, ["after", "at the end", "before", "xxxxxxxxxx"])}
sys.exit(seen != expected)
PY
