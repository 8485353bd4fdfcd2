#!/bin/sh
# helm-python-sdk 0.2.2: rendering a chart with a dependency's condition set to false takes the dependency out of the
# loaded chart for good. The same chart rendered again, with the condition true or not set, has nothing of it any more;
# loaded anew, it has. So whoever renders with several sets of values must load the chart for each.
# Seen: 1 template, then 0, then 0 though enabled, then 1 after loading it anew. Fails if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet helm-python-sdk==0.2.2
mkdir -p "$work/parent/charts/child/templates"
cat >"$work/parent/Chart.yaml" <<'YAML'
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - {name: child, version: 1.0.0, condition: child.enabled}
YAML
printf 'apiVersion: v2\nname: child\nversion: 1.0.0\n' >"$work/parent/charts/child/Chart.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n' >"$work/parent/charts/child/templates/a.yaml"
"$work/venv/bin/python" - "$work/parent" <<'PY'
import sys
import helm_python

chart = helm_python.Chart.load(sys.argv[1])
counts = [
    len(chart.render(values, name="r", namespace="n"))
    for values in ({}, {"child": {"enabled": False}}, {"child": {"enabled": True}})
]
counts.append(len(helm_python.Chart.load(sys.argv[1]).render({"child": {"enabled": True}}, name="r", namespace="n")))
print("templates rendered:", counts)
sys.exit(counts != [1, 0, 0, 1])
PY
