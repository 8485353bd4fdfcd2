#!/bin/sh
# k8s.io/apimachinery 0.37.2 (the API server's and every Go controller's `resource.Quantity`), and `parse_quantity` of the
# official Python client, kubernetes 37.0.2: each takes quantities that the other refuses.
# - Go: a unit without a number is 0, without an error (`Ki`, `m`, `-G`, `+`, `.`), but for `Ei`; JSON text is trimmed of
#   spaces (" 512Mi "), `ParseQuantity` by itself trims nothing. So `memory: Mi` of a template whose number is empty is
#   a Pod with a limit of 0, and no error.
# - Python: refuses those; takes `1K` (1000), `1_000`, `1 Ki`, `NaN` and digits of other scripts, which Go refuses.
# So a manifest that a check written with the Python client has passed can be refused by the API server, and the other
# way round. Needs Go and Python. Seen: the table below. Fails if that changes.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kubernetes==37.0.2
cd "$work"
cat >go.mod <<'MOD'
module finding

go 1.25
MOD
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
)

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	read := map[string]string{}
	for _, text := range texts {
		written, _ := json.Marshal(text)
		var quantity resource.Quantity
		if err := json.Unmarshal(written, &quantity); err != nil {
			read[text] = "refused"
		} else {
			read[text] = quantity.String()
		}
	}
	json.NewEncoder(os.Stdout).Encode(read)
}
GO
GOFLAGS=-mod=mod GOMODCACHE="$work/modules" go get k8s.io/apimachinery@v0.37.2 2>"$work/log" || { cat "$work/log"; exit 1; }
GOFLAGS=-mod=mod GOMODCACHE="$work/modules" go build -o quantities . 2>"$work/log" || { cat "$work/log"; exit 1; }
cat >compare.py <<'PY'
import json
import subprocess
import sys

from kubernetes.utils import parse_quantity

SEEN = {  # what Go reads, and what Python reads
    "512Mi": ("512Mi", "536870912"),
    "Ki": ("0", "refused"), "m": ("0", "refused"), "-G": ("0", "refused"), "+": ("0", "refused"), ".": ("0", "refused"),
    "Ei": ("refused", "refused"), " 512Mi ": ("512Mi", "refused"),
    "1K": ("refused", "1000"), "1_000": ("refused", "1000"), "1 Ki": ("refused", "1024"), "NaN": ("refused", "NaN"),
}


def python(text: str) -> str:
    try:
        return str(parse_quantity(text))
    except ValueError:
        return "refused"


go = json.loads(subprocess.run(["./quantities"], input=json.dumps(list(SEEN)), capture_output=True, text=True, check=True).stdout)
found = {text: (go[text], python(text)) for text in SEEN}
for text, (one, other) in found.items():
    print(f"{text!r:12} Go: {one:8} Python: {other}")
sys.exit(found != SEEN)
PY
"$work/venv/bin/python" compare.py
