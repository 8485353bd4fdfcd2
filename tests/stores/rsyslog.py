"""rsyslog, by TCP and UDP, as Debian ships it but for where it writes: each message as one line of JSON."""

import json
import signal
from pathlib import Path
from typing import Any

from parts import Process, answers, program, until
from ports import free_port

__all__ = ["Rsyslog"]

_FIELDS = {
    "time": 'name="timereported" dateFormat="rfc3339"',
    "host": 'name="hostname"',
    "app": 'name="app-name"',
    "id": 'name="msgid"',
    "severity": 'name="syslogseverity-text"',
    "text": 'name="msg"',
}
_CONFIG = """\
{limit}
global(workDirectory="{folder}")
module(load="imtcp")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="record" type="list" option.jsonf="on") {{
{fields}}}
*.* action(type="omfile" file="{folder}/messages" template="record" asyncWriting="off")
"""


class Rsyslog:
    """A running rsyslog; `limit` is the longest message that it is told to take, None for its own 8 KiB."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        found = program("rsyslogd", "rsyslog")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._written = folder / "messages"
        fields = "".join(f'  property(outname="{name}" {what} format="jsonf")\n' for name, what in _FIELDS.items())
        said = "" if limit is None else f'global(maxMessageSize="{limit}")'
        config = folder / "rsyslog.conf"
        config.write_text(_CONFIG.format(folder=folder, port=self.port, fields=fields, limit=said), "utf-8")
        self._process = Process([found, "-n", "-f", config, "-i", folder / "pid"], folder / "log")

    def start(self) -> None:
        self._process.start(lambda: answers(self.port) and self._takes_datagrams())

    def _takes_datagrams(self) -> bool:
        listening = Path("/proc/net/udp").read_text("ascii").splitlines()
        return any(line.split()[1].endswith(f":{self.port:04X}") for line in listening)

    def stop(self) -> None:
        self._process.stop(signal.SIGTERM)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What came in so far."""
        if not self._written.exists():
            return []
        whole = self._written.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.split(b"\n") if line]

    def wait_for(self, text: str) -> dict[str, Any]:
        """The message that has `text` in it, as soon as it is there."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [each for each in self.messages if text in each["text"]]
            return bool(found)

        assert until(is_there), [each["text"][:200] for each in self.messages]
        return found[0]
