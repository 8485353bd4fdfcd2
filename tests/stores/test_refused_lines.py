"""Hundreds of lines that VictoriaLogs refuses hold up no line that it takes, by every way in that refuses any.

By default it refuses few. A request over `-….maxRequestSize` (64 MiB unless it is told otherwise) is one; so is, by the
bulk API, a line over `-insert.maxLineSizeBytes`, by lines of JSON a time that it cannot read where no other of the
request has one, and by Datadog's API a value that is no text (1.52.1).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import written
from parts import until
from shipments import SECRET
from shippers import Shipper
from victoria_logs import VictoriaLogs
from ways import WAYS, to

LINES = 450


class Refusal(NamedTuple):
    """What is refused: what is said of the destination and of the store, and what is in a line for it."""

    fields: Mapping[str, Any]
    options: Mapping[str, Any] = {}
    store: Mapping[str, str] = {}


def _long(flag: str) -> Refusal:
    return Refusal({"long": "x" * 3000}, store={flag: "2KiB"})


_NO_TIME = {"at": "soon"}
_QUESTION = {"path": "/insert/jsonline?_msg_field=message&_time_field=at"}
REFUSALS: Mapping[tuple[str, str], Refusal] = {
    ("otlp", "otel-collector"): _long("opentelemetry.maxRequestSize"),
    ("loki", "otel-collector"): _long("opentelemetry.maxRequestSize"),
    ("victorialogs", "otel-collector"): _long("opentelemetry.maxRequestSize"),
    ("otlp", "fluent-bit"): _long("opentelemetry.maxRequestSize"),
    ("loki", "fluent-bit"): _long("loki.maxRequestSize"),
    ("splunk", "fluent-bit"): _long("splunk.maxRequestSize"),
    ("elasticsearch", "fluent-bit"): _long("insert.maxLineSizeBytes"),
    ("victorialogs", "fluent-bit"): Refusal(_NO_TIME, {"timeField": "at"}),
    ("http", "fluent-bit"): Refusal(_NO_TIME, _QUESTION),
    ("datadog", "fluent-bit"): Refusal({"n": 7}),
}


def line(text: str, **more: Any) -> str:
    return written.line(text, **{"at": written.TIME, **more})


def counting(write: Callable[[str], None]) -> Iterator[str]:
    """The name of a line that has just been written, as often as it is asked for."""
    number = 0
    while True:
        number += 1
        write(f"good{number}")
        yield f"good{number}"
        time.sleep(0.5)


@pytest.mark.parametrize("pause", [0.01, pytest.param(0.2, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", REFUSALS, ids=" by ".join)
def test_refused_lines_hold_up_nothing(name: tuple[str, str], pause: float, tmp_path: Path) -> None:
    """With 0.2 s between them, each is a request of its own."""
    way, refusal = WAYS[name], REFUSALS[name]
    with (
        VictoriaLogs(tmp_path / "store", refusal.store) as store,
        Shipper(name[1], to(way, store, refusal.options), tmp_path / "agent", secret=SECRET) as shipper,
    ):
        for number in range(LINES):
            shipper.write(line(f"refused{number}", **refusal.fields))
            time.sleep(pause)
        good = counting(lambda text: shipper.write(line(text)))
        assert until(lambda: bool(next(good)) and store.has("good*")), shipper.said
        wanted = [f"behind{number}" for number in range(5)]
        shipper.write(*map(line, wanted))
        assert until(lambda: all(map(store.has, wanted))), shipper.said
        assert until(lambda: shipper.says(400)), shipper.said
        assert not store.has("refused*")
