"""A description as lines for people."""

from collections.abc import Iterator

from webhook.cli.terminal import Line, folded, styled
from webhook.diagnostics import escape, printable
from webhook.standing.description import Description
from webhook.standing.registration import Condition, Registered

__all__ = ["account"]

_STYLES = {
    "injected": "bold green",
    "refused": "bold red",
    "not called": "yellow",
    "open": "yellow",
    "skipped": "yellow",
}
_LONG = 200


def account(told: Description) -> Iterator[Line]:
    """The lines that tell `told`."""
    reason = f": {printable(told.reason, 1000)}" if told.reason else ""
    yield styled(f"{told.object} in {told.namespace}: ", (told.decision, _STYLES.get(told.decision, "yellow")), reason)
    for each in told.diagnostics:
        severity = (each.severity, "red" if each.severity == "error" else "yellow")
        yield from folded(styled("  ", severity, f": {each.message}"), 4)
    for registered in told.registrations:
        yield from _registration(registered)
    yield from _tried(told)
    yield from _added(told)
    yield from _values(told)
    yield from _running(told)


def _registration(registered: Registered) -> Iterator[Line]:
    called = {True: "calls the webhook", False: "does not call the webhook", None: "may call the webhook"}
    policy = f"failurePolicy {registered.failure_policy}"
    yield _title(
        f"Registration {registered.configuration}, {registered.webhook}, {policy}: {called[registered.is_called]}"
    )
    yield from map(_met, registered.conditions)


def _met(condition: Condition) -> Line:
    word, style = {True: ("yes", "green"), False: ("no ", "red"), None: ("?  ", "yellow")}[condition.met]
    return styled("    ", (word, style), f"  {escape(condition.name, _LONG)}: {escape(condition.about, 1000)}")


def _tried(told: Description) -> Iterator[Line]:
    if told.tried is None:
        return
    yield _title("The API server, by a dry run")
    made = (
        f"created, with {', '.join(told.tried.containers)}" if told.tried.containers else "created, without any of ours"
    )
    yield styled(f"    {made if told.tried.allowed else told.tried.message}")


def _added(told: Description) -> Iterator[Line]:
    added = told.added
    if not added.containers:
        return
    yield _title("Added")
    for each in added.containers:
        kind = "native sidecar" if each.place == "initContainers" else "container"
        yield styled(f"    {kind} ", (each.name, "bold"), f": {each.mode}, {each.engine}, {escape(each.image, _LONG)}")
    yield styled(f"    volumes: {', '.join(added.volumes)}")
    for mount in added.mounts:
        yield styled(f"    mount in {escape(mount.container)}: {mount.volume} at {escape(mount.path, _LONG)}")
    yield styled(f"    annotations: {', '.join(map(escape, added.annotations))}")


def _values(told: Description) -> Iterator[Line]:
    if not told.values:
        return
    rows = [
        (f"{each.about}.{each.key}" if each.about else each.key, escape(each.value, 60), each.where)
        for each in told.values
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    yield _title("Values, and where each comes from")
    for name, value, where in rows:
        before = f"    {name:<{widths[0]}}  {value:<{widths[1]}}  "
        yield from folded(styled(before, (escape(where, _LONG), "dim")), len(before))


def _running(told: Description) -> Iterator[Line]:
    if told.running is None:
        return
    by = f", made by version {told.running.version}" if told.running.version else ""
    yield _title(f"Now: {told.running.phase or 'not started'}{by}")
    for each in told.running.sidecars:
        state = (escape(each.problem, _LONG), "red") if each.problem else ("no problem", "green")
        yield styled(f"    {each.name}: ", state, f", {each.restarts} restarts, {escape(each.image, _LONG)}")
    if not told.running.sidecars:
        yield styled("    nothing of ours runs in it")
    for other in told.differences:
        what = f"{escape(other.container)} {escape(other.what, _LONG)}".strip()
        now, today = (escape(text, _LONG) if text is not None else "none" for text in (other.now, other.today))
        yield styled(("    outdated", "yellow"), f": {what}: {now}; today it would be {today}")


def _title(text: str) -> Line:
    return styled((f"  {text}", "bold"))
