"""What `loghook list` does: go through the Pods that asked, and write a line for each."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from webhook.cli.failures import FailedError, InputError
from webhook.cli.installed import Installed
from webhook.cli.terminal import Line, progress, say, show, styled
from webhook.cluster.api import Api, ApiError
from webhook.cluster.crowd import crowd, world
from webhook.cluster.objects import TargetError
from webhook.diagnostics import escape
from webhook.standing.labels import SelectorError
from webhook.standing.pods import STATES, Standing

__all__ = ["Shown", "run"]

_FINE = {"injected", "left alone"}
_STYLES = {"injected": "green", "left alone": "dim", "outdated": "yellow"}
_WHY = 100  # characters of a reason in the plain table


class Shown(NamedTuple):
    """Which of them to list: those of a namespace (None for all) with labels, all or only some."""

    namespace: str | None
    selector: str
    missed: bool
    outdated: bool

    def has(self, found: Standing) -> bool:
        """Whether `found` is one of them."""
        wanted = (self.missed and found.state in {"missed", "refused"}) or (self.outdated and found.is_outdated)
        return wanted or not (self.missed or self.outdated)


def run(api: Api, config: Path | None, shown: Shown, output: str) -> int:
    """List what is `shown` and return the exit code. Raises CommandError."""
    installed = Installed(api, config)
    if output in {"table", "wide"}:
        say(styled((f"configuration: {installed.origin}", "dim")))
    try:
        judged_by = world(api, installed.config, installed.registrations)
        every = list(progress("Pods that asked", crowd(api, judged_by, shown.namespace, shown.selector)))
    except ApiError as error:
        raise FailedError(str(error)) from None
    except (SelectorError, TargetError) as error:
        raise InputError(str(error)) from None
    found = sorted(filter(shown.has, every), key=lambda each: (each.namespace, each.name))
    _WRITE[output](found, with_namespace=shown.namespace is None)
    return 0 if all(each.state in _FINE and not each.is_outdated for each in found) else 1


def _write_json(found: Sequence[Standing], *, with_namespace: bool) -> None:
    del with_namespace
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    sys.stdout.flush()


def _write_names(found: Sequence[Standing], *, with_namespace: bool) -> None:
    lines = (f"{each.namespace} {each.name}" if with_namespace else each.name for each in found)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _write_table(found: Sequence[Standing], *, with_namespace: bool) -> None:
    rows = [(each.namespace, each.name, each.state, each.version, escape(each.why, _WHY)) for each in found]
    _write(("NAMESPACE", "NAME", "STATE", "VERSION", "WHY"), rows, found, with_namespace=with_namespace)


def _write_wide(found: Sequence[Standing], *, with_namespace: bool) -> None:
    rows = [
        (each.namespace, each.name, each.state, each.version, each.owner, _sidecars(each), escape(each.why, 1000))
        for each in found
    ]
    head = ("NAMESPACE", "NAME", "STATE", "VERSION", "OWNER", "SIDECARS", "WHY")
    _write(head, rows, found, with_namespace=with_namespace)


def _sidecars(found: Standing) -> str:
    return ",".join(f"{each.name}({each.restarts})" if each.restarts else each.name for each in found.sidecars)


_WRITE = {"table": _write_table, "wide": _write_wide, "json": _write_json, "name": _write_names}
"""What `-o` takes."""


def _write(
    head: Sequence[str], rows: Sequence[Sequence[str]], found: Sequence[Standing], *, with_namespace: bool
) -> None:
    if not rows:
        say("no Pod that asked is to be listed")
        return
    first = 0 if with_namespace else 1
    show(*_aligned([row[first:] for row in (head, *rows)], head[first:].index("STATE")))
    say(", ".join(f"{count} {state}" for state, count in _counts(found)))


def _aligned(rows: Sequence[Sequence[str]], of_state: int) -> Iterator[Line]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [f"{text:<{width}}  " for text, width in zip(row, widths, strict=True)]
        cells[-1] = row[-1]
        style = "bold" if number == 0 else _STYLES.get(row[of_state], "red")
        yield styled(*cells[:of_state], (cells[of_state], style), *cells[of_state + 1 :])


def _counts(found: Iterable[Standing]) -> list[tuple[str, int]]:
    counted = Counter(each.state for each in found)
    return [(state, counted[state]) for state in STATES if counted[state]]
