"""Reviews that nobody would send: cut, spliced, with values of other kinds, and with hostile annotations.

The same seed gives the same reviews, so that whatever fails can be had again.
"""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

__all__ = ["ODD_TEXTS", "Mutator"]

ODD_TEXTS = (
    "", " ", "/", "//", "/var/log/*.log", "/var/log/app.log", "/var/log/app.log,/data/*.txt", "relative.log",
    "/a/../b",
    "/var/log/[", "/var/log/{a,b}", "/var/log/**", "/proc/self/environ", "/etc/shadow", "$(reboot)",
    "`id`", "'; id; '",
    "${HOME}", "{{ .Values }}", "@INCLUDE x", "%s%n", "\x00", "\x1b[2J", "a\nb", "\u202e", "Ünï", "x" * 300,
    "-rf", "--",
    "true", "false", "null", "0", "-1", "1e999", "1Gi", "10m", "none", "json", "plain", "agent", "streaming", "warn",
    "reject", "app", "app,sidecar", "loghook", "loghook-logs", "/var/log/" + "a/" * 200 + "x.log", "../../secret",
)  # fmt: skip
KEYS = (
    "paths", "exclude", "format", "container", "mode", "destination", "read-from", "multiline-start", "time-key",
    "time-format", "time-zone", "fields", "agent", "engine", "offsets", "native-sidecar", "inject", "on-error",
    "volume-size-limit", "cpu-request", "cpu-limit", "memory-request", "memory-limit", "drain-seconds",
    "node-agent-hints", "config", "status", "access.paths", "a.b.paths", "pahts", "", "x" * 64,
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 2**70, 1.5, 1e308, "", "x", [], {}, [None], [[]], {"": None}, [{}], {"name": None},
    {"name": "app"}, "/var/log", {"a": {"b": {"c": {}}}},
)  # fmt: skip
SNIPPETS = (b"", b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\ud800", b"\\u0000", b"null", b"1e999", b"NaN",
            b"-", b"\xff", b"\x00", b'{"a":' * 50, b"[" * 2000, b" " * 100)  # fmt: skip


class Mutator:
    """Makes reviews out of `seeds`, bodies of good ones."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self._seeds = seeds
        self._dice = random.Random(seed)

    def next(self) -> bytes:
        """One more: mostly still JSON, since anything else does not get far."""
        body = self._dice.choice(self._seeds)
        chance = self._dice.random()
        if chance < 0.2:
            return self._spliced(body)
        review = json.loads(body)
        if chance < 0.7:
            self.annotate(review["request"]["object"])
        if chance > 0.5:
            for _ in range(self._dice.randint(1, 4)):
                self._disturb(review)
        return json.dumps(review, separators=(",", ":")).encode()

    def annotate(self, pod: dict[str, Any]) -> None:
        """Give `pod` some annotations of ours, right and wrong."""
        metadata = pod.setdefault("metadata", {})
        annotations = dict(metadata.get("annotations") or {})
        count = self._dice.randint(1, 5)
        if self._dice.random() < 0.6:  # right ones, or most Pods would be refused
            annotations["loghook.dev/paths"] = "/var/log/new/app.log"
            count = self._dice.choice((0, 0, 1))
        for _ in range(count):
            key = self._dice.choice(KEYS)
            annotations[f"loghook.dev/{key}"] = self._dice.choice(ODD_TEXTS)
        metadata["annotations"] = annotations

    def _spliced(self, body: bytes) -> bytes:
        """Bytes cut out, doubled, or put in."""
        for _ in range(self._dice.randint(1, 3)):
            at, to = sorted(self._dice.randrange(len(body) + 1) for _ in range(2))
            to = min(to, at + self._dice.choice((0, 1, 10, 1000)))
            body = body[:at] + self._dice.choice((*SNIPPETS, body[at:to] * 2)) + body[to:]
        return body

    def _disturb(self, review: dict[str, Any]) -> None:
        """Change, add, remove or exchange a value anywhere."""
        places = [*_places(review)]
        if not places:
            return
        parent, key = self._dice.choice(places)
        action = self._dice.random()
        if action < 0.2:
            del parent[key]
        elif action < 0.4:
            other, its = self._dice.choice(places)
            parent[key] = json.loads(json.dumps(other[its]))
        elif action < 0.5 and isinstance(parent, list):
            parent.insert(0, parent[key])
        else:
            parent[key] = copy.deepcopy(self._dice.choice((*ODD_VALUES, self._dice.choice(ODD_TEXTS))))


def _places(value: Any) -> Any:
    """Every (container, key) in `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)
