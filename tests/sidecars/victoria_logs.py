"""The real VictoriaLogs, a log database, in a process of its own."""

import base64
import http.client
import json
import os
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
from parts import PATIENCE, Process
from ports import free_port

__all__ = ["VictoriaLogs", "basic"]

ROOT = Path(__file__).parents[2]


@cache
def _program() -> Path:
    """`victoria-logs`, of KUBEBUILDER_ASSETS, or of ENVTEST_DIR, whose `setup` prints a folder."""
    setup = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest") / "setup"
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if not folder and os.access(setup, os.X_OK):
        folder = subprocess.run([setup], check=True, capture_output=True, text=True).stdout.strip()
    program = Path(f"{folder or ''}/victoria-logs")
    if not program.exists():
        if os.environ.get("LOGHOOK_CI"):
            pytest.fail("CI lacks victoria-logs")
        pytest.skip("NOT TESTED: this needs victoria-logs (KUBEBUILDER_ASSETS, or ENVTEST_DIR)")
    return program


def basic(user: str, password: str) -> str:
    """What the header `Authorization` says of who logs in."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class VictoriaLogs:
    """An empty database, at `port` of 127.0.0.1, and for syslog by TCP at `syslog_port`; `is_away`: not started yet."""

    def __init__(self, folder: Path, options: Mapping[str, str] = {}, *, is_away: bool = False) -> None:
        self._process: Process | None = None
        self.port, self.syslog_port = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "victoria-logs.log"
        self._own = {
            "storageDataPath": str(folder / "data"),
            "httpListenAddr": f"127.0.0.1:{self.port}",
            "syslog.listenAddr.tcp": f"127.0.0.1:{self.syslog_port}",
            **dict.fromkeys(("retentionPeriod", "futureRetention"), "50y"),  # records of any day
        }
        self._options: Mapping[str, str] = options
        if not is_away:
            self.start()

    def start(self, options: Mapping[str, str] | None = None) -> None:
        """Start it, or start it again with what it has; `options` are instead of those that it began with."""
        self._options = self._options if options is None else options
        said = {**self._own, **self._options}
        self._process = Process([_program(), *(f"-{name}={value}" for name, value in said.items())], self._log)
        self._process.start(self._answers)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def until(self, is_so: Callable[[], Any]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, self._log.read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self._ask("GET", "/health") == b"OK"
        except OSError:
            return False

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send what an agent sends."""
        self._ask("POST", path, headers, body)

    def records(self, count: int, account: int = 0, project: int = 0) -> list[dict[str, Any]]:
        """The records of a tenant in the order of their times, as soon as there are `count` of them."""
        found: list[dict[str, Any]] = []

        def are_there() -> bool:
            tenant = {"AccountID": str(account), "ProjectID": str(project)}
            found[:] = self._query("*", tenant)
            return len(found) >= count

        self.until(are_there)
        return sorted(found, key=lambda record: record["_time"])

    def found(self, query: str, count: int = 1) -> list[dict[str, Any]]:
        """What a query of LogsQL finds, as soon as that is `count` records."""
        self.until(lambda: len(self._query(query, {})) >= count)
        return self._query(query, {})

    def has(self, words: str) -> bool:
        """Whether a record has such words in it now, in its message or in the field `message` (`good*`: any such)."""
        return bool(self._query(f"{words} or message:{words} or event.message:{words}", {}))

    def _query(self, query: str, headers: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = self._ask("GET", "/select/logsql/query?" + urllib.parse.urlencode({"query": query}), headers)
        return [json.loads(line) for line in answer.splitlines()]

    def _ask(self, method: str, path: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            login = (self._options.get(f"httpAuth.{name}", "") for name in ("username", "password"))
            connection.request(method, path, body, {"Authorization": basic(*login), **headers})
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status == 200, content
        return content
