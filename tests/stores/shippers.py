"""The agents that run here, under the configuration that we generate, shipping to a real store."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import fluent_bit_process
import pytest
from collector_program import found_collector
from parts import end, part
from shipments import parsing, shipment, stream

from webhook.sidecars import CA_DIRECTORY, CONFIG_DIRECTORY, STATE_DIRECTORY, Target, Text, Tree, Variable
from webhook.sidecars.programs import AGENTS

__all__ = ["SHIPPERS", "Shipper", "agents_for"]


def _collector_of_syslog() -> Path:
    return part("otelcol", "otelcol with an exporter of syslog") / "otelcol"


def _collector_of_s3() -> Path:
    return part("otelcol-newest", "the newest otelcol with all that we write for") / "otelcol"


_FLUENT_BIT = {"fluent-bit": fluent_bit_process.program}
SHIPPERS: Mapping[str, Mapping[str, Callable[[], str | Path]]] = {
    "syslog": _FLUENT_BIT | {"otel-collector": _collector_of_syslog},
    "kafka": _FLUENT_BIT | {"otel-collector": found_collector},
    "opensearch": _FLUENT_BIT | {"otel-collector": found_collector},
    "elasticsearch": _FLUENT_BIT,
    "s3": _FLUENT_BIT | {"otel-collector": _collector_of_s3},
    "otlp": _FLUENT_BIT | {"otel-collector": found_collector},
    "loki": _FLUENT_BIT | {"otel-collector": found_collector},
    "victorialogs": _FLUENT_BIT | {"otel-collector": found_collector},
    "http": _FLUENT_BIT,
    "splunk": _FLUENT_BIT,
    "datadog": _FLUENT_BIT,
}
"""By type of destination, the agents of which there may be a program here that can ship there, and where it is."""


def agents_for(type_: str) -> Any:
    """A fixture: the name of each agent that ships to that type of destination, where its program is here."""

    def agent(request: pytest.FixtureRequest) -> str:
        SHIPPERS[type_][request.param]()
        return str(request.param)

    return pytest.fixture(params=SHIPPERS[type_])(agent)


ATTRIBUTES: Mapping[str, Text] = {
    "k8s.namespace.name": ("shop",),
    "k8s.pod.name": (Variable("LOGHOOK_POD"),),
    "k8s.container.name": ("web",),
    "loghook.source": ("access",),
}


class Shipper:
    """An agent at work, by its name: `folder` stands for its file system, and has the application's files in `logs`."""

    def __init__(
        self, agent: str, to: Target, folder: Path, *, secret: str = "", rewritten: Callable[[str], str] = str
    ) -> None:
        """`secret` is the value of every secret; lines are JSON. The configuration is used as it is `rewritten`."""
        self.agent = agent
        self._folder, self._agent = folder, AGENTS[agent]
        self._program = SHIPPERS[to.settings.type][agent]()
        self.logs = folder / "logs"
        for each in (self.logs, folder / "state"):
            each.mkdir(parents=True, exist_ok=True)
        place = str(self.logs)
        source = stream(
            name="access",
            paths=(f"{place}/*.log",),
            trees=(Tree(place, "/var/log/app"),),
            parsing=parsing("json"),
            target=to,
            attributes=ATTRIBUTES,
        )
        self._shipment = shipment(source)
        assert list(self._agent.problems(self._shipment)) == []
        self._config = rewritten(self._here(self._agent.config(self._shipment)))
        (folder / self._agent.config_file).write_text(self._config, "utf-8")
        self._env = self._environment(to, secret)
        self._process: subprocess.Popen[bytes] | None = None

    def _here(self, text: str) -> str:
        for directory, here in ((STATE_DIRECTORY, "state"), (CA_DIRECTORY, "ca"), (CONFIG_DIRECTORY, ".")):
            text = text.replace(directory, str(self._folder / here))
        return text

    def _environment(self, to: Target, secret: str) -> dict[str, str]:
        values = {"LOGHOOK_POD": "shop-1"} | {variable.name: secret for variable in to.secrets.values()}
        own = {name: _text(text, values) for name, text in self._agent.env(self._shipment).items()}
        return {"PATH": os.environ["PATH"], "HOME": "/", **values, **own}

    def change(self, old: str, new: str) -> None:
        """Put `new` into its configuration, which has `old`."""
        assert old in self._config
        self._config = self._config.replace(old, new)
        (self._folder / self._agent.config_file).write_text(self._config, "utf-8")

    def start(self) -> Self:
        args = [self._here(each) for each in self._agent.command(self._shipment).args if each != "--supervisor"]
        with (self._folder / "said").open("ab") as said:
            self._process = subprocess.Popen(  # with-statement impossible: it outlives this method
                [self._program, *args], env=self._env, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        return self

    def write(self, *lines: str, file: str = "app.log") -> None:
        """Have the application write lines."""
        with (self.logs / file).open("a", encoding="utf-8") as log:
            log.write("".join(f"{line}\n" for line in lines))

    @property
    def said(self) -> str:
        """What it has written of itself."""
        return (self._folder / "said").read_text("utf-8", "replace")

    @property
    def complaints(self) -> list[str]:
        """Its warnings and errors."""
        return [each for each in self.said.splitlines() if re.search(r"\[ ?(warn|error)\]|\t(warn|error)\t", each)]

    def says(self, status: int) -> bool:
        """Whether it has said that a server answered with that status of HTTP."""
        return re.search(rf"(?i)status\D{{1,8}}{status}\b", self.said) is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            end(self._process, number)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)


def _text(text: Text, values: Mapping[str, str]) -> str:
    return "".join(values[each.name] if isinstance(each, Variable) else each for each in text)
