"""`loghook migrate`: what others are asked for loghook is asked for, and what has no counterpart is said."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from webhook.annotations.registry import PREFIX
from webhook.config.formats import FORMATS
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, inject
from webhook.pod.view import view
from webhook.standing.foreign import migrated

Run = Callable[..., Any]

APP = """# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    metadata:
      annotations:
        team: blue   # stays
ANNOTATIONS
    spec:
      volumes:
      - name: logs
        emptyDir: {}
      containers:
      - name: web   # the server
        image: web
        volumeMounts:
        - {name: logs, mountPath: /srv/logs/}
      - name: queue
        image: queue
"""


def with_annotations(**said: str) -> str:
    lines = yaml.safe_dump({key.replace("__", "/"): value for key, value in said.items()}, width=10_000).splitlines()
    return APP.replace("ANNOTATIONS", "\n".join(f"        {line}" for line in lines))


def migrate(run: Run, text: str) -> tuple[int, dict[str, str], str]:
    result = run("migrate", "-f", "-", stdin=text)
    annotations = yaml.safe_load(result.out)["spec"]["template"]["metadata"]["annotations"]
    assert annotations.pop("team") == "blue"
    assert "# the shop" in result.out
    assert "team: blue   # stays" in result.out
    assert "- name: web   # the server" in result.out
    return result.code, annotations, result.err


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("logs:/srv/logs/a.log", {"paths": "/srv/logs/a.log", "container": "web"}),
        (
            "access:logs:/srv/logs/access.log;logs:/srv/logs/*.err",
            {
                "access.paths": "/srv/logs/access.log",
                "access.container": "web",
                "web.paths": "/srv/logs/*.err",
                "web.container": "web",
            },
        ),
    ],
)
def test_of_tailing_sidecar_each_entry_is_a_source(run: Run, value: str, expected: dict[str, str]) -> None:
    code, annotations, said = migrate(run, with_annotations(**{"tailing-sidecar": value}))
    assert (code, annotations) == (0, {f"loghook.dev/{key}": text for key, text in expected.items()})
    assert said.startswith("deployment/shop: from tailing-sidecar: loghook.dev/")


def test_of_logsidecar_injector_paths_begin_at_the_mount(run: Run) -> None:
    config = '{"containerLogConfigs": {"web": {"logs": ["a.log", "sub/*.log"]}, "queue": {"logs": ["x"]}}}'
    text = with_annotations(**{"logging.kubesphere.io__logsidecar-config": config})
    code, annotations, said = migrate(run, text)
    assert annotations == {
        "loghook.dev/paths": "/srv/logs/a.log,/srv/logs/sub/*.log",
        "loghook.dev/container": "web",
    }
    assert code == 1
    assert "no counterpart: logsidecar-injector: queue does not mount the volume logs" in said


def test_of_logging_operator_the_first_container_is_meant_where_none_is_said(run: Run) -> None:
    tail = "/srv/logs/a.log,queue:/var/log/q/b.log,/srv/logs/c.log"
    text = with_annotations(**{"sidecar.logging-extensions.banzaicloud.io__tail": tail})
    code, annotations, _ = migrate(run, text)
    assert code == 0
    assert annotations == {
        "loghook.dev/web.paths": "/srv/logs/a.log,/srv/logs/c.log",
        "loghook.dev/web.container": "web",
        "loghook.dev/queue.paths": "/var/log/q/b.log",
        "loghook.dev/queue.container": "queue",
    }


def test_of_fluentd_sidecar_injector_what_ships_needs_a_destination(run: Run) -> None:
    start = "fluentd-sidecar-injector.h3poteto.dev__"
    said = {"injection": "enabled", "application-log-dir": "/srv/logs", "log-format": "json", "time-key": "time"}
    said |= {"aggregator-host": "fluentd.example", "collector": "fluentd"}
    code, annotations, told = migrate(run, with_annotations(**{start + key: value for key, value in said.items()}))
    assert annotations == {
        "loghook.dev/paths": "/srv/logs/*.log",
        "loghook.dev/time-key": "time",
        "loghook.dev/format": "json",
    }
    assert code == 1
    assert "aggregator-host: needs a destination of type forward" in told


@pytest.mark.parametrize(
    "runs",
    [
        "        image: busybox\n        args: [/bin/sh, -c, 'tail -n+1 -F /logs/access.log']\n",
        "        image: busybox\n        command: [tail, -f, /logs/access.log]\n",
        "        image: example.com/tailing-sidecar:1\n        env: [{name: PATH_TO_TAIL, value: /logs/access.log}]\n",
    ],
)
def test_a_sidecar_by_hand_is_taken_out_and_its_files_are_those_of_the_application(run: Run, runs: str) -> None:
    volumes = "      - name: logs\n        emptyDir: {}\n"
    text = with_annotations(other="x").replace(volumes, volumes + "      - {name: offsets, emptyDir: {}}\n") + (
        "      - name: access-log   # tails\n"
        f"{runs}"
        "        volumeMounts:\n"
        "        - {name: logs, mountPath: /logs}\n"
        "        - {name: offsets, mountPath: /var/offsets}\n"
    )
    code, annotations, said = migrate(run, text)
    assert code == 0
    assert annotations == {
        "other": "x",
        "loghook.dev/paths": "/srv/logs/access.log",
        "loghook.dev/container": "web",
    }
    spec = yaml.safe_load(run("migrate", "-f", "-", stdin=text).out)["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["containers"]] == ["web", "queue"]
    assert spec["volumes"] == [{"name": "logs", "emptyDir": {}}]
    assert "the container access-log is taken out" in said


@pytest.mark.parametrize("command", ["tail /logs/a.log", "cat /logs/a.log", "tail -f /elsewhere/a.log", "sleep 1"])
def test_what_is_no_sidecar_that_tails_stays(command: str) -> None:
    containers = [
        {"name": "web", "volumeMounts": [{"name": "logs", "mountPath": "/srv"}]},
        {"name": "x", "command": command.split(), "volumeMounts": [{"name": "logs", "mountPath": "/logs"}]},
    ]
    assert migrated({"spec": {"containers": containers}}).containers == ()


@pytest.mark.parametrize(
    "said",
    [
        {"tailing-sidecar": "none:/x.log"},
        {"tailing-sidecar": "/x.log"},
        {"logging.kubesphere.io__logsidecar-config": "no json"},
        {"logging.kubesphere.io__logsidecar-config": '{"containerLogConfigs": [1]}'},
        {"sidecar.logging-extensions.banzaicloud.io__tail": "nobody:/x.log"},
        {"fluentd-sidecar-injector.h3poteto.dev__injection": "enabled"},
    ],
    ids=str,
)
def test_what_cannot_be_turned_stays_as_it_is_and_is_said(run: Run, said: dict[str, str]) -> None:
    text = with_annotations(**said)
    result = run("migrate", "-f", "-", stdin=text)
    assert (result.code, result.out) == (1, text)
    assert "no counterpart: " in result.err


def test_manifests_without_any_of_it_pass_through(run: Run) -> None:
    text = with_annotations(other="x") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
    result = run("migrate", "-f", "-", stdin=text)
    assert (result.code, result.out, result.err) == (0, text, "deployment/shop: nothing to migrate\n")


def test_a_configuration_of_the_projects_own_is_said(run: Run) -> None:
    text = "apiVersion: tailing-sidecar.sumologic.com/v1\nkind: TailingSidecarConfig\nmetadata: {name: c}\n"
    result = run("migrate", "-f", "-", stdin=text)
    assert (result.code, result.out) == (1, text)
    assert result.err == ("tailingsidecarconfig/c: no counterpart: write what it says as annotations of the Pods\n")


def test_what_loghook_has_to_say_of_the_result_is_said(run: Run) -> None:
    result = run(
        "migrate",
        "-f",
        "-",
        stdin=with_annotations(**{"sidecar.logging-extensions.banzaicloud.io__tail": "/etc/x.log"}),
    )
    assert result.code == 1
    assert "loghook says: LH2" in result.err


def test_every_format_that_is_named_is_one_of_ours() -> None:
    from webhook.standing import foreign

    named = {foreign._FORMATS.get(each, each) for each in foreign._H3_FORMATS}  # noqa: SLF001 - the table itself
    assert named <= FORMATS.keys()


def test_the_result_is_injected() -> None:
    template = yaml.safe_load(with_annotations(**{"tailing-sidecar": "a:logs:/srv/logs/a.log"}))["spec"]["template"]
    template["metadata"]["annotations"] = dict(migrated(template).added)
    outcome = inject(view({"kind": "Pod", **template}), Config())
    assert isinstance(outcome, Injected)
    assert outcome.diagnostics == ()
    assert all(key.startswith(PREFIX) for key in template["metadata"]["annotations"])


@pytest.mark.parametrize("metadata", ["    metadata:\n", "    metadata: {}\n", "    metadata: {labels: {app: }}\n", ""])
def test_a_template_without_annotations_gets_those_of_a_sidecar_by_hand(run: Run, metadata: str) -> None:
    text = f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  template:
{metadata}    spec:
      volumes:
      - name: logs
        emptyDir: {{}}
      containers:
      - name: web
        image: web
        volumeMounts:
        - {{name: logs, mountPath: /srv/logs/}}
      - name: tail
        image: busybox
        args: [/bin/sh, -c, 'tail -n+1 -F /logs/access.log']
        volumeMounts:
        - {{name: logs, mountPath: /logs}}
"""
    result = run("migrate", "-f", "-", stdin=text)
    assert result.code == 0, result.err
    template = yaml.safe_load(result.out)["spec"]["template"]
    assert template["metadata"]["annotations"][f"{PREFIX}paths"] == "/srv/logs/access.log"
    assert [each["name"] for each in template["spec"]["containers"]] == ["web"]
