import difflib
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonpatch
import msgspec
import pytest
import yaml

from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, inject
from webhook.pod.view import view

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "server-log.yaml"
Run = Callable[..., Any]

TEMPLATE = """\
    metadata:
      annotations:
        loghook.dev/paths: /var/log/app.log   # what we write
    spec:
      containers:
      - name: web # the application
        image: "docker.io/library/nginx:1.29"
"""
DEPLOYMENT = f"""\
# The shop.
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 0o2
  template:
{TEMPLATE}"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: app
  annotations:
    loghook.dev/paths: /var/log/app.log
spec:
  containers:
  - name: app
    image: nginx
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata:   {name: web}\nspec: {ports: [ {port: 0x50} ]} # odd\n"
REFUSED = POD.replace("/var/log/app.log", "var/log\n    loghook.dev/drain-seconds: soon").replace(
    "name: app\n  ann", "name: bad\n  ann"
)


def objects(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def is_injected(pod: Any) -> bool:
    return [each["name"] for each in pod["spec"].get("initContainers", [])] == ["loghook"]


def removed_lines(before: str, after: str) -> list[str]:
    diff = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line for line in diff if line.startswith("- ")]


# Through a real process.


def test_the_example_is_injected_by_lines_that_are_added_and_by_nothing_else(process: Run) -> None:
    result = process("inject", "-f", "examples/server-log.yaml")
    assert (result.code, result.err) == (0, "pod/server: injected loghook (streaming /var/log/server.log)\n")
    assert removed_lines(EXAMPLE.read_text(), result.out) == []
    (pod,) = objects(result.out)
    ours = {"name": "loghook-logs", "mountPath": "/var/log"}
    assert pod["spec"]["containers"][0]["volumeMounts"] == [ours]
    assert {**ours, "readOnly": True} in pod["spec"]["initContainers"][0]["volumeMounts"]
    # What comes out again goes in: nothing is added twice.
    again = process("inject", "-f", "-", stdin=result.out)
    assert (again.code, again.out) == (0, result.out)
    assert again.err == "pod/server: skipped: the sidecars are there already\n"


def test_the_result_is_that_of_inject_itself(process: Run) -> None:
    pod = yaml.safe_load(EXAMPLE.read_text())
    outcome = inject(view(pod), Config())
    assert isinstance(outcome, Injected)
    expected = jsonpatch.apply_patch(pod, json.loads(msgspec.json.encode(outcome.ops)))
    assert objects(process("inject", "-f", str(EXAMPLE)).out) == [expected]


def test_a_pipe_gets_the_manifest_or_nothing(tmp_path: Path) -> None:
    loghook = shlex.join([sys.executable, "-m", "webhook"])
    for text, expected in ((POD, "0 app"), (POD + "---\n" + REFUSED, "1 "), ("a: [", "2 ")):
        (tmp_path / "m.yaml").write_text(text)
        reader = "import sys, yaml; print(*[d['metadata']['name'] for d in yaml.safe_load_all(sys.stdin)])"
        script = f"set -o pipefail; out=$({loghook} inject -f m.yaml | {shlex.join([sys.executable, '-c', reader])}); "
        result = subprocess.run(
            ["bash", "-c", script + 'echo "$? $out"'],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert result.stdout == expected + "\n"


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("---\n".join([POD, *[SERVICE] * 3_000]))  # more than a pipe holds
    script = f"{shlex.join([sys.executable, '-m', 'webhook'])} inject -f m.yaml 2>err | head -n 1"
    result = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("apiVersion: v1\n", "")
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert "Error" not in (tmp_path / "err").read_text()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a user sees: stdout and stderr are a terminal."""
    known = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "webhook", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env={**known, "TERM": "xterm", **environment}
    ):
        os.close(theirs)
        seen = b""
        try:
            while block := os.read(ours, 65536):
                seen += block
        except OSError:
            pass  # Linux's way to say that the other end is closed
        os.close(ours)
    return seen.decode()


def test_the_report_is_coloured_on_a_terminal_only_and_never_against_no_color(process: Run) -> None:
    assert "\x1b[32minjected\x1b[0m" in on_a_terminal("inject", "-f", str(EXAMPLE))
    assert "\x1b" not in on_a_terminal("inject", "-f", str(EXAMPLE), NO_COLOR="1")
    assert "\x1b" not in process("inject", "-f", str(EXAMPLE)).err


# What is injected, and what is said about it.


def workload(api_version: str, kind: str, template: str, spec: str = "spec") -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: web}}\n{spec}:\n  template:\n{template}"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        *[
            (workload(version, kind, TEMPLATE), ["spec", "template"])
            for version, kind in [
                *[("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")],
                ("v1", "ReplicationController"),
                ("batch/v1", "Job"),
            ]
        ],
        ("apiVersion: v1\nkind: PodTemplate\nmetadata: {name: web}\ntemplate:\n" + TEMPLATE, ["template"]),
        (
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\n"
            "spec:\n  jobTemplate:\n    spec:\n      template:\n"
            + "".join("    " + line for line in TEMPLATE.splitlines(keepends=True)),
            ["spec", "jobTemplate", "spec", "template"],
        ),
    ],
    ids=lambda value: value.split("\n")[1] if isinstance(value, str) else "",
)
def test_every_kind_with_a_pod_template_is_injected(run: Run, text: str, way: list[str]) -> None:
    result = run("inject", "-f", "-", stdin=text)
    (template,) = objects(result.out)
    name = f"{template['kind'].lower()}/web"
    assert (result.code, result.err) == (0, f"{name}: injected loghook (streaming /var/log/app.log)\n")
    for step in way:
        template = template[step]
    assert is_injected(template)
    assert removed_lines(text, result.out) == []


def test_the_pod_is_judged_as_its_controller_creates_it(run: Run) -> None:
    claim = (
        "      volumes: [{name: data, persistentVolumeClaim: {claimName: shared}}]\n"
        "      containers: [{name: web, image: nginx, volumeMounts: [{name: data, mountPath: /var/log}]}]\n"
    )
    template = TEMPLATE.partition("      containers")[0] + claim
    assert "LH209" in run("inject", "-f", "-", stdin=workload("apps/v1", "Deployment", template)).err
    assert (
        "LH209" not in run("inject", "-f", "-", stdin="apiVersion: v1\nkind: PodTemplate\ntemplate:\n" + template).err
    )


def test_a_claim_of_a_stateful_set_is_read_where_it_is(run: Run) -> None:
    mount = "        volumeMounts: [{name: data, mountPath: /var/log}]\n"
    text = workload("apps/v1", "StatefulSet", TEMPLATE + mount) + "  volumeClaimTemplates: [{metadata: {name: data}}]\n"
    (found,) = objects(run("inject", "-f", "-", stdin=text).out)
    spec = found["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["volumeMounts"][0] == {"name": "data", "mountPath": "/var/log", "readOnly": True}
    assert [volume["name"] for volume in spec["volumes"]] == ["loghook-token"]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "data", "mountPath": "/var/log"}]


def test_the_items_of_a_list_are_injected_one_by_one(run: Run) -> None:
    items = "".join(
        "- " + "  ".join(text.replace("name: app\n  ann", f"name: {name}\n  ann").splitlines(keepends=True))
        for name, text in (("a", POD), ("service", SERVICE), ("b", POD))
    )
    text = f"apiVersion: v1\nkind: List\n# all\nitems:\n# first\n{items}# the end\n"
    result = run("inject", "-f", "-", stdin=text)
    assert result.err.splitlines() == [
        "pod/a: injected loghook (streaming /var/log/app.log)",
        "pod/b: injected loghook (streaming /var/log/app.log)",
    ]
    first, service, second = objects(result.out)[0]["items"]
    assert (is_injected(first), service, is_injected(second)) == (True, yaml.safe_load(SERVICE), True)
    assert removed_lines(text, result.out) == []


def test_an_item_may_repeat_what_another_item_has(run: Run) -> None:
    item = "- " + "  ".join(POD.splitlines(keepends=True))
    shared = item.replace("annotations:", "annotations: &a") + item.replace(
        "annotations:\n      loghook.dev/paths: /var/log/app.log\n", "annotations: *a\n"
    )
    result = run("inject", "-f", "-", stdin="apiVersion: v1\nkind: List\nitems:\n" + shared)
    assert result.code == 0, result.err
    assert [is_injected(pod) for pod in objects(result.out)[0]["items"]] == [True, True]


def test_a_typed_list_says_the_kind_of_its_items(run: Run) -> None:
    pod = json.dumps({key: value for key, value in yaml.safe_load(POD).items() if key in {"metadata", "spec"}})
    text = f'{{"apiVersion": "v1", "kind": "PodList", "items": [{pod}, {pod}]}}'
    result = run("inject", "-f", "-", stdin=text)
    assert [is_injected(pod) for pod in json.loads(result.out)["items"]] == [True, True]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("argoproj.io/v1alpha1", "Rollout"),
        ("apps.kruise.io/v1alpha1", "CloneSet"),
        ("serving.knative.dev/v1", "Service"),
        ("batch.volcano.sh/v1alpha1", "Job"),
    ],
)
def test_a_kind_with_a_pod_template_is_injected_whatever_it_is(run: Run, version: str, kind: str) -> None:
    result = run("inject", "-f", "-", stdin=workload(version, kind, TEMPLATE))
    assert (result.code, result.err) == (0, f"{kind.lower()}/web: injected loghook (streaming /var/log/app.log)\n")
    (found,) = objects(result.out)
    assert is_injected(found["spec"]["template"])


def test_annotations_on_an_object_of_an_unknown_kind_are_said_to_be_misplaced(run: Run) -> None:
    text = workload("argoproj.io/v1alpha1", "Rollout", TEMPLATE).replace(
        "{name: web}", "{name: web, annotations: {loghook.dev/format: json}}", 1
    )
    assert (
        "LH601 loghook.dev/format: no Pod gets it from rollout/web itself" in run("inject", "-f", "-", stdin=text).err
    )


JOB_SET = """apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: web}
spec:
  replicatedJobs:
  - name: workers
    template:
      spec:
        template:
          metadata: {annotations: {loghook.dev/paths: /var/log/app.log}}
          spec: {containers: [{name: app, image: app}]}
"""
SPARK = """apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: web}
spec:
  driver:
    annotations: {loghook.dev/paths: /var/log/app.log}
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (JOB_SET, "kind not known, but a template in it has our annotations"),
        (SPARK, "kind not known, but a template in it has our annotations"),
        (JOB_SET.replace("loghook.dev/paths", "example.com/paths"), "kind not known"),
        (SPARK.replace("loghook.dev/paths", "example.com/paths"), "it brings no Pod"),
        (workload("example.com/v1", "Thing", "    spec: {containers: []}\n"), "it brings no Pod"),
        (workload("example.com/v1", "Thing", "    spec: {containers: text}\n"), "it brings no Pod"),
    ],
)
def test_a_template_that_lies_deeper_is_said_to_be_there(run: Run, text: str, why: str) -> None:
    result = run("inject", "-f", "-", "--verbose", stdin=text)
    assert (result.code, result.out) == (0, text)
    assert result.err.endswith(f"/web: skipped: {why}\n")
    quiet = run("inject", "-f", "-", stdin=text)
    assert quiet.err == ("" if why == "it brings no Pod" else result.err)


def test_several_sources_are_all_named(run: Run) -> None:
    text = POD.replace("/app.log\n", "/app.log\n    loghook.dev/access.paths: /var/log/a/*.log, /var/log/b.log\n")
    assert run("inject", "-f", "-", stdin=text).err == (
        "pod/app: injected loghook, loghook-access (streaming /var/log/app.log, /var/log/a/*.log, /var/log/b.log)\n"
    )


def test_a_pod_that_does_not_ask_passes_through(run: Run) -> None:
    text = POD.replace("loghook.dev/paths: /var", "other: /var")
    result = run("inject", "-f", "-", stdin=text)
    assert (result.code, result.out) == (0, text)
    assert result.err == "pod/app: skipped: no annotation asks for loghook\n"


def test_annotations_of_the_object_itself_are_said_to_mean_nothing(run: Run) -> None:
    template = "{metadata: {}, spec: {containers: [{name: app, image: app}]}}"
    job = f"{{template: {template}}}"
    metadata = "metadata: {name: web, annotations: {other: x, loghook.dev/paths: /var/log/app/*.log}}"
    text = f"apiVersion: apps/v1\nkind: Deployment\n{metadata}\nspec: {job}\n---\n"
    text += f"apiVersion: batch/v1\nkind: CronJob\n{metadata}\nspec: {{jobTemplate: {{spec: {job}}}}}\n"
    done = run("inject", "-f", "-", stdin=text)
    assert done.code == 0
    assert done.out == text
    warning = (
        "warning: LH601 loghook.dev/paths: no Pod gets it from {} itself, write it where its Pods have theirs, e.g."
    )
    assert done.err.splitlines() == [
        "deployment/web: skipped: no annotation asks for loghook",
        f"  stdin:3:47: {warning.format('deployment/web')} spec.template.metadata.annotations",
        "cronjob/web: skipped: no annotation asks for loghook",
        f"  stdin:8:47: {warning.format('cronjob/web')} spec.jobTemplate.spec.template.metadata.annotations",
    ]


def test_on_error_warn_writes_the_status_alone(run: Run) -> None:
    text = REFUSED.replace("    loghook.dev/paths", "    loghook.dev/on-error: warn\n    loghook.dev/paths")
    result = run("inject", "-f", "-", stdin=text)
    assert result.code == 0
    assert result.err.startswith(
        "pod/bad: skipped: the annotations have mistakes, and on-error says warn\n  stdin:8:5: error: LH1"
    )
    assert removed_lines(text, result.out) == []
    (pod,) = objects(result.out)
    assert json.loads(pod["metadata"]["annotations"]["loghook.dev/status"])["injected"] is False


def test_warnings_stand_below_their_object(run: Run) -> None:
    text = POD.replace("/app.log\n", "/app.log\n    loghook.dev/time-zone: Europe/Berlin\n")
    result = run("inject", "-f", "-", stdin=text)
    first, second = result.err.splitlines()
    assert first == "pod/app: injected loghook (streaming /var/log/app.log)"
    assert second.startswith("  stdin:7:5: warning: LH191 loghook.dev/time-zone: ")


def test_what_is_shipped_is_said_with_the_agent_and_the_destination(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "loghook.yaml"
    config.write_text("destinations: {central: {type: stdout}}")
    said = "/app.log\n    loghook.dev/destination: central\n    loghook.dev/agent: vector\n"
    said += "    loghook.dev/a.paths: /logs/a.log\n    loghook.dev/a.mode: streaming\n"
    said += "    loghook.dev/b.paths: /logs/b.log\n    loghook.dev/b.destination: gone\n"
    result = run("inject", "-f", "-", "--config", str(config), stdin=POD.replace("/app.log\n", said))
    first, second = result.err.splitlines()
    assert first == (
        "pod/app: injected loghook-a, loghook-agent, loghook-drain "
        "(agent vector to central /var/log/app.log; streaming /logs/a.log)"
    )
    assert re.match(r"  stdin:\d+:5: warning: LH503 loghook.dev/b.destination: ", second)


def test_a_refused_object_stops_everything_and_all_mistakes_are_said(run: Run) -> None:
    result = run("inject", "-f", "-", stdin=POD + "---\n" + REFUSED + "---\n" + SERVICE)
    assert (result.code, result.out) == (1, "")
    lines = result.err.splitlines()
    assert lines[0] == "pod/app: injected loghook (streaming /var/log/app.log)"
    assert lines[1] == "pod/bad: refused"
    assert [line.split(" ")[5].split(":")[0] for line in lines[2:]] == [
        "loghook.dev/drain-seconds",
        "loghook.dev/paths",
    ]
    assert all(re.match(r"  stdin:\d+:5: error: LH", line) for line in lines[2:])


def test_namespace_and_configuration_decide_as_in_the_webhook(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "loghook.yaml"
    settings.write_text("images: {registry: mirror.example}\npolicy: {excludedNamespaces: [quiet]}\n")
    injected = run("inject", "-f", "-", "--config", str(settings), stdin=POD)
    assert "image: mirror.example/library/busybox" in injected.out
    skipped = run("inject", "-f", "-", "--config", str(settings), "-n", "quiet", stdin=POD)
    assert (skipped.code, skipped.out) == (0, POD)
    assert skipped.err == "pod/app: skipped: the configuration excludes this namespace\n"
    own = POD.replace("  name: app\n", "  name: app\n  namespace: quiet\n", 1)
    assert run("inject", "-f", "-", "--config", str(settings), stdin=own).out == own


def test_a_namespace_that_contradicts_the_object_is_refused_as_by_kubectl(run: Run) -> None:
    result = run("inject", "-f", "-", "-n", "other", stdin=DEPLOYMENT)
    assert (result.code, result.out) == (2, "")
    assert result.err == "Error: stdin: deployment/web is in the namespace shop, not in other: leave --namespace out\n"
    assert run("inject", "-f", "-", "-n", "shop", stdin=DEPLOYMENT).code == 0


def test_names_cannot_move_the_cursor(run: Run) -> None:
    text = POD.replace("name: app\n  ann", 'generateName: "a\\e[2J"\n  ann')
    assert run("inject", "-f", "-", stdin=text).err.startswith("pod/a\\x1b[2J*: injected")


# What stays as it is written.


def test_everything_else_passes_through_byte_for_byte(run: Run) -> None:
    quiet = POD.replace("loghook.dev/paths", "'quoted'")
    parts = [
        SERVICE,
        "--- # comment\n",
        quiet,
        "...\n# between\n---\n# nothing here\n---\n",
        DEPLOYMENT,
        "---\n",
        SERVICE,
    ]
    result = run("inject", "-f", "-", stdin="".join(parts))
    assert result.code == 0
    assert removed_lines("".join(parts), result.out) == []
    head, _, tail = "".join(parts).partition(DEPLOYMENT)
    assert result.out.startswith(head + DEPLOYMENT.partition("# what we write\n")[0])
    assert result.out.endswith(tail)


@pytest.mark.parametrize(
    "text",
    [
        DEPLOYMENT,
        DEPLOYMENT.replace("\n", "\r\n"),
        DEPLOYMENT.removesuffix("\n"),
        "\ufeff" + DEPLOYMENT,
        "---\n" + DEPLOYMENT + "---\n",
        "%YAML 1.1\n---\n" + DEPLOYMENT,
        DEPLOYMENT.replace("replicas: 0o2", "yes: no # on: off\n  'x' : \"\\u00e9\"\n  long: " + "word " * 60),
        DEPLOYMENT
        + "      # about volumes\n      volumes: []   # none\n      initContainers:\n      imagePullSecrets: ~\n",
        DEPLOYMENT + "      initContainers:\n      # first of all\n      - {name: init, image: x}   # one line\n",
        DEPLOYMENT + "        command:\n        - |\n          cat <<'END'\n            text\n\n          END\n",
    ],
    ids=["plain", "crlf", "no newline", "bom", "markers", "directive", "odd scalars", "empty lists", "init", "literal"],
)
def test_lines_are_added_and_the_others_are_not_touched(run: Run, text: str) -> None:
    result = run("inject", "-f", "-", stdin=text)
    assert result.code == 0, result.err
    changed = removed_lines(text, result.out)
    # An empty list gives way to a list with something in it, and a last line without an end gets one.
    assert all(line.strip().endswith(("[]   # none", "~", 'nginx:1.29"')) for line in changed)
    assert ("\r\n" in text) == ("\r\n" in result.out)
    assert ("\n" in result.out.replace("\r\n", "")) == ("\r\n" not in text)
    (found,) = objects(result.out)
    spec = found["spec"]["template"]["spec"]
    assert "loghook" in [container["name"] for container in spec["initContainers"]]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "loghook-logs", "mountPath": "/var/log"}]


def test_a_value_of_ours_is_quoted_where_some_yaml_reads_something_else(run: Run) -> None:
    text = POD.replace("name: app\n    image", 'name: "on"\n    image')
    text = text.replace("/app.log\n", '/app.log\n    loghook.dev/native-sidecar: "false"\n')
    assert '\n    kubectl.kubernetes.io/default-container: "on"\n' in run("inject", "-f", "-", stdin=text).out


def test_aliases_and_merge_keys_do_not_carry_an_addition_elsewhere(run: Run) -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: &metadata
  name: a
  annotations: &annotations
    loghook.dev/paths: /var/log/app.log
    loghook.dev/container: one
spec:
  containers:
  - &container
    name: one
    image: nginx
    volumeMounts: &mounts
    - {name: data, mountPath: /data}
  - <<: *container
    name: two
  volumes: &volumes
  - {name: data, emptyDir: {}}
x-annotations: *annotations
x-volumes: *volumes
x-metadata: *metadata
"""
    before = yaml.safe_load(text)
    result = run("inject", "-f", "-", stdin=text)
    assert result.code == 0, result.err
    after = yaml.safe_load(result.out)
    assert [after[key] for key in after if key.startswith("x-")] == [
        before[key] for key in before if key.startswith("x-")
    ]
    one, two = after["spec"]["containers"]
    assert (len(one["volumeMounts"]), two["volumeMounts"]) == (2, [{"name": "data", "mountPath": "/data"}])
    assert "loghook.dev/status" in after["metadata"]["annotations"]
    for pod, template in ((yaml.safe_load(POD), "&p"), (yaml.safe_load(POD), "&q")):
        anchored = f"apiVersion: v1\nkind: List\nitems:\n- {template} {json.dumps(pod)}\n- *{template[1:]}\n"
        items = yaml.safe_load(run("inject", "-f", "-", stdin=anchored).out)["items"]
        assert [is_injected(item) for item in items] == [True, True]


@pytest.mark.parametrize(
    ("indent", "separators"),
    [(None, None), (None, (",", ":")), (2, None), ("\t", None)],
    ids=["one", "dense", "two", "tab"],
)
def test_json_stays_json_as_it_was_indented(run: Run, indent: Any, separators: Any) -> None:
    pod = yaml.safe_load(POD)
    text = json.dumps(pod, indent=indent, separators=separators) + "\n"
    result = run("inject", "-f", "-", stdin=text)
    injected = json.loads(result.out)
    assert is_injected(injected)
    assert result.out == json.dumps(injected, indent=indent, separators=separators) + "\n"


def test_several_files_become_one_stream(run: Run, tmp_path: Path) -> None:
    texts = [
        "\ufeff" + POD.removesuffix("\n"),
        "\ufeff" + SERVICE,
        json.dumps(yaml.safe_load(POD)),
        "%YAML 1.1\n---\n" + SERVICE,
        "# c\n---\n" + SERVICE,
    ]
    files: list[str] = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8", newline="")
        files += ["--file", str(tmp_path / f"{number}.yaml")]
    result = run("inject", *files)
    kinds = ["Pod", "Service", "Pod", "Service", "Service"]
    assert [each["kind"] for each in objects(result.out)] == kinds
    assert (result.out[0], result.out.count("\ufeff")) == ("\ufeff", 1)


def test_a_long_list_is_injected_to_its_end(run: Run) -> None:
    item = "- " + "  ".join(POD.splitlines(keepends=True))
    text = "apiVersion: v1\nkind: List\nitems:\n" + item * 60
    result = run("inject", "-f", "-", stdin=text)
    assert all(is_injected(pod) for pod in yaml.load(result.out, Loader=yaml.CSafeLoader)["items"])


# What cannot be used: one line each, exit code 2 and nothing on stdout.


def wrong_text(line: int, column: int, key: str, kind: str, written: str) -> str:
    place = f"stdin:{line}:{column}: pod/app"
    return f'{place}: the annotation {key} is a {kind}, not a text: quote it, {key}: "{written}"'


def annotated(line: str) -> str:
    return POD.replace("/app.log\n", f"/app.log\n    {line}\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "stdin: is empty"),
        (" \n\n", "stdin: is empty"),
        ("# only this\n---\n", "stdin: has no object in it"),
        ("a: b: c\n", "stdin:1:5: no YAML: mapping values are not allowed in this context"),
        (
            POD + "---\n\tx: 1\n",
            "stdin:12:1: no YAML: found character that cannot start any token " + "while scanning for the next token",
        ),
        (POD.encode("utf-16"), "stdin: is not UTF-8 (it looks like UTF-16): byte 1 cannot be read; save it as UTF-8"),
        (b"a: \xe9\n", "stdin: is not UTF-8: byte 4 cannot be read; save it as UTF-8"),
        ("- a\n", "stdin:1:1: a list, where an object of Kubernetes should be"),
        (POD + "---\ntext\n", "stdin:12:1: a text, where an object of Kubernetes should be"),
        ("a: 1\n", "stdin:1:1: no object of Kubernetes: it has no kind"),
        ("kind: List\nitems:\n- x\n", "stdin:3:3: this item of the list is no object of Kubernetes"),
        ("kind: List\nitems:\n- {a: 1}\n", "stdin:3:3: no object of Kubernetes: it has no kind"),
        (
            POD.replace("    image: nginx\n", "    image: nginx\n    image: x\n"),
            "stdin:11:5: the key image comes twice in this map",
        ),
        (SERVICE + "kind: x\n", "stdin:5:1: the key kind comes twice in this map"),
        (annotated("loghook.dev/drain-seconds: 5"), wrong_text(7, 32, "loghook.dev/drain-seconds", "number", "5")),
        (annotated("other: 0o14"), wrong_text(7, 12, "other", "number", "0o14")),
        (annotated("loghook.dev/inject: on"), wrong_text(7, 25, "loghook.dev/inject", "boolean", "on")),
        (annotated("other: [a]"), "stdin:7:12: pod/app: the annotation other is a list, not a text"),
        (
            POD.replace("  annotations", "  labels: {a: 1}\n  annotations"),
            'stdin:5:15: pod/app: the label a is a number, not a text: quote it, a: "1"',
        ),
        (
            POD.replace("containers:\n  -", "containers:\n   "),
            "stdin:1:1: pod/app: Expected `array | null`, got `object` - at `$.spec.containers`",
        ),
        ("a: &a\n  b: *a\n", "stdin:2:6: the alias is inside of what it repeats"),
        (
            POD + "    args:\n    - |\n      echo",
            "stdin: pod/app: the text that ends the file has no newline after it: add one",
        ),
        ("kind: x\na: " + "[" * 5000 + "]" * 5000, "stdin:2:503: lists and maps are too deep inside of one another"),
        ("kind: x\na: " + "[" * 2**20, "stdin:2:503: lists and maps are too deep inside of one another"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(run: Run, text: str | bytes, line: str) -> None:
    result = run("inject", "-f", "-", stdin=text)
    assert (result.code, result.out) == (2, "")
    assert [each for each in result.err.splitlines() if each.startswith("Error")] == [f"Error: {line}"]


@pytest.mark.parametrize(
    "words", [["lint", "-f"], ["inject", "-f"], ["config", "check"], ["config", "show", "--config"]]
)
def test_what_has_no_end_is_one_clear_line(run: Run, words: list[str]) -> None:
    result = run(*words, "/dev/zero")
    assert (result.code, result.out) == (2, "")
    assert result.err == "Error: /dev/zero: has more than 32 MiB\n"


def test_files_that_cannot_be_opened_are_one_clear_line(run: Run, tmp_path: Path) -> None:
    missing = run("inject", "-f", str(tmp_path / "missing.yaml"))
    assert (missing.code, missing.out) == (2, "")
    assert missing.err == f"Error: {tmp_path}/missing.yaml: No such file or directory\n"
    assert run("inject", "-f", str(tmp_path)).err == f"Error: {tmp_path}: Is a directory\n"
    twice = run("inject", "-f", "-", "-f", "-", stdin=POD)
    assert (twice.code, twice.err) == (2, "Error: stdin can be read only once: give -f - only once\n")


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            b"images: {vektor: x}\nfoo: 1\n",
            ["1: images.vektor: no such setting, write vector", "2: foo: no such setting"],
        ),
        (b"a: [\n", [" line 2: did not find expected node content"]),
        (b"\xff", [" is not UTF-8 (byte 0)"]),
        (b"defaults: {drain-seconds: soon}\n", [" LH127 defaults.drain-seconds: "]),
    ],
)
def test_a_bad_configuration_is_a_line_for_each_mistake(
    run: Run, tmp_path: Path, settings: bytes, lines: list[str]
) -> None:
    file = tmp_path / "loghook.yaml"
    file.write_bytes(settings)
    result = run("inject", "-f", "-", "--config", str(file), stdin=POD)
    assert (result.code, result.out) == (2, "")
    said = result.err.splitlines()
    assert len(said) == len(lines)
    for found, line in zip(said, lines, strict=True):
        assert found.startswith(f"Error: {file}:{line}")


def test_null_annotations_are_empty_texts_as_to_the_api_server(run: Run) -> None:
    result = run("inject", "-f", "-", stdin=annotated("other:"))
    assert result.code == 0
    assert "    other:\n" in result.out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_last_line_without_an_end_gets_one_and_no_empty_line_comes_of_it(run: Run, newline: str) -> None:
    text = newline.join(
        (
            "apiVersion: v1",
            "kind: Pod",
            "metadata:",
            "  name: p",
            "  annotations:",
            "    loghook.dev/paths: /var/log/app/*.log",
            "spec:",
            "  containers:",
            "  - name: app",
            "    image: a",
        )
    )
    ended = run("inject", "-f", "-", stdin=text + newline)
    assert ended.code == 0
    assert run("inject", "-f", "-", stdin=text).out == ended.out
