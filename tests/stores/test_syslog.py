"""Syslog, read back from rsyslog."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rsyslog import Rsyslog
from shipments import target
from shippers import Shipper, agents_for

from webhook.sidecars import Target

LINE = '{"time":"2026-11-29T11:22:33.123456789Z","level":"error","message":"pay"}'


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsyslog]:
    found = Rsyslog(tmp_path_factory.mktemp("rsyslog"))
    found.start()
    yield found
    found.stop()


def to(store: Rsyslog, **options: Any) -> Target:
    return target("syslog", {"host": "127.0.0.1", "port": store.port, "protocol": "tcp", **options})


def marked(folder: Path, text: str = "good") -> str:
    """A line that no other test writes."""
    return json.dumps({"time": "2026-11-29T11:22:34Z", "message": f"{text} {folder.name}"})


agent = agents_for("syslog")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_line_arrives_with_all_that_the_page_promises(
    rsyslog: Rsyslog, agent: str, protocol: str, tmp_path: Path
) -> None:
    line = LINE.replace("pay", f"pay {tmp_path.name} {protocol}")
    with Shipper(agent, to(rsyslog, protocol=protocol), tmp_path) as shipper:
        shipper.write(line)
        got = rsyslog.wait_for(f"{tmp_path.name} {protocol}")
    assert got["text"].removeprefix("\ufeff").strip() == line  # RFC 5424 asks for the mark before UTF-8
    assert {name: got[name] for name in ("host", "app", "id")} == {"host": "shop-1", "app": "web", "id": "access"}
    at = dt.datetime.fromisoformat(got["time"])
    wanted = dt.datetime(2026, 11, 29, 11, 22, 33, tzinfo=dt.UTC)
    assert dt.timedelta(0) <= at - wanted < dt.timedelta(seconds=1)


def test_what_waits_arrives_once_the_store_is_back(agent: str, tmp_path: Path) -> None:
    rsyslog = Rsyslog(tmp_path / "rsyslog")
    with Shipper(agent, to(rsyslog), tmp_path / "agent") as shipper:
        shipper.write(marked(tmp_path, "away"))
        rsyslog.start()
        rsyslog.wait_for("away")
        rsyslog.stop()
        rsyslog.start()
        shipper.write(marked(tmp_path, "again"))
        rsyslog.wait_for("again")
    rsyslog.stop()
