"""The agent's environment is not the author's: a sub-path's variables come to the sidecar under names of ours only.

The author of a Pod names variables in a `subPathExpr`, and the sidecar needs their values. Under their own names
`HTTP_PROXY` alone has the collector send the destination's token to a proxy of the author's.
"""

import http.server
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector_program import found_collector

from webhook.config.loghook_yaml import load
from webhook.inject import Injected, inject
from webhook.pod.view import view
from webhook.sidecars import CONFIG_DIRECTORY, STATE_DIRECTORY
from webhook.sidecars.programs import AGENTS, ENGINES

PATIENCE = 60.0
TOKEN = "hunter2"  # noqa: S105 - the value that must never be seen

HOSTILE = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GODEBUG",
    "GRPC_PROXY_EXP",
    "RUBYOPT",
    "RUBYLIB",
    "GEM_PATH",
    "GEM_HOME",
    "FLUENT_ELASTICSEARCH_HOST",
    "FLUENTD_CONF",
    "FLUENTD_OPT",
    "VECTOR_LOG",
    "VECTOR_CONFIG",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "HOME",
    "PATH",
    "ENV",
    "IFS",
    "TZ",
    "LOGHOOK_POD_NAME",
    "LOGHOOK_CENTRAL__TOKEN",
    "GOMEMLIMIT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
]
"""Some of the names by which programs are told what to do: no list of them is complete."""

CONFIG = load(
    """
destinations:
  central: {type: otlp, host: otlp.example, tls: {enabled: false}, token: {secret: backend, key: token}}
  stdout: {type: stdout}
"""
)


def pod(said: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    """A Pod whose logs are on a part of a volume that all of `variables` name."""
    annotations = {f"loghook.dev/{key}": value for key, value in {"paths": "/var/log/app/*.log", **said}.items()}
    expression = "/".join(f"$({name})" for name in variables)
    app = {
        "name": "app",
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "volumeMounts": [{"name": "logs", "mountPath": "/var/log/app", "subPathExpr": expression}],
    }
    spec = {"containers": [app], "volumes": [{"name": "logs", "emptyDir": {}}]}
    return {"metadata": {"name": "shop", "annotations": annotations}, "spec": spec}


def injected(said: Mapping[str, str], variables: Mapping[str, str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The sidecars of such a Pod, and the annotations that it gets."""
    outcome = inject(view(pod(said, variables)), CONFIG, "shop")
    assert isinstance(outcome, Injected), outcome
    ops = json.loads(msgspec.json.encode(outcome.ops))
    values = [value for op in ops for value in (op["value"] if isinstance(op["value"], list) else [op["value"]])]
    sidecars = [value for value in values if isinstance(value, dict) and "image" in value]
    return sidecars, {op["path"].rpartition("~1")[2]: op["value"] for op in ops if "annotations" in op["path"]}


CASES = [
    *({"agent": name, "destination": "stdout"} for name in sorted(AGENTS)),
    *({"mode": "streaming", "engine": name} for name in sorted(ENGINES)),
]


@pytest.mark.parametrize("said", CASES, ids=lambda said: said.get("agent") or said["engine"])
def test_gives_no_sidecar_a_variable_of_the_authors_naming(said: dict[str, str]) -> None:
    usual = {variable["name"] for each in injected(said, {})[0] for variable in each.get("env", [])}
    sidecars, _ = injected(said, {name: f"theirs-{number}" for number, name in enumerate(HOSTILE)})
    for sidecar in sidecars:
        names = {variable["name"]: variable.get("value", "") for variable in sidecar.get("env", [])}
        assert {name for name in names if not name.startswith("LOGHOOK_SUB_PATH_")} <= usual
        assert not any("theirs" in names[name] for name in names.keys() & usual)
        for mount in sidecar["volumeMounts"]:
            assert not any(f"$({name})" in mount.get("subPathExpr", "") for name in HOSTILE)


class Proxy:
    """A proxy of the author's, that writes down what it is sent."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                proxy.seen.append(dict(self.headers))
                self.send_error(503)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    found = Proxy()
    yield found
    found.stop()


def values(env: list[dict[str, Any]]) -> dict[str, str]:
    """What the kubelet makes of `env` here; none of it refers to another one."""
    known = {"secretKeyRef": TOKEN, "fieldRef": "x"}
    return {
        each["name"]: each.get("value") or next((known[kind] for kind in each.get("valueFrom", {})), "") for each in env
    }


def run(folder: Path, env: Mapping[str, str], config: str, until: str) -> None:
    """Run the collector as the sidecar does, on one line of log, until its output has `until`."""
    for name in ("logs", "state"):
        (folder / name).mkdir()
    (folder / "logs" / "a.log").write_text("one line\n")
    for place, here in (("/var/log/app", "logs"), (STATE_DIRECTORY, "state"), (CONFIG_DIRECTORY, ".")):
        config = config.replace(place, str(folder / here))
    (folder / "config.yaml").write_text(config)
    log = folder / "collector.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [found_collector(), f"--config={folder}/config.yaml"], env=env, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while until not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]  # noqa: PT018 - one
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()


def test_sends_nothing_to_a_proxy_of_the_authors(proxy: Proxy, tmp_path: Path) -> None:
    """With the real collector. Its tries end at the name of the destination, which nobody resolves here."""
    theirs = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
    sidecars, said = injected({"agent": "otel-collector", "destination": "central"}, theirs)
    (agent,) = (each for each in sidecars if each["name"] == "loghook-agent")
    env = values(agent["env"])
    assert TOKEN in env.values()
    run(tmp_path, env, said["config"], until="lookup otlp.example")
    assert proxy.seen == []


def test_would_send_it_the_token_under_the_authors_names(proxy: Proxy, tmp_path: Path) -> None:
    """The control: what the proxy sees where the variables come under their own names."""
    theirs = {"HTTP_PROXY": proxy.url}
    sidecars, said = injected({"agent": "otel-collector", "destination": "central"}, theirs)
    (agent,) = (each for each in sidecars if each["name"] == "loghook-agent")
    run(tmp_path, values(agent["env"]) | theirs, said["config"], until="503")
    assert proxy.seen[0]["Authorization"] == f"Bearer {TOKEN}"
