"""Reviews made of dice, for searches after the one that costs most: all in them may be far too long or too many."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from webhook.annotations.registry import KEYS, PREFIX

__all__ = ["BODY_BYTES", "CONFIG", "review_of"]

BODY_BYTES = 7 * 2**20
CONFIG = """
destinations:
  central: {type: otlp, host: otlp.example, token: {secret: s, key: k}}
  search: {type: elasticsearch, host: es.example, index: "{namespace}-{source}-{label:app}-{field:a}"}
labels: [app]
"""

_FRAGMENTS = (
    *(
        "a",
        "ab",
        "A",
        "0",
        "-",
        ".",
        "/",
        "/var/log/",
        "*",
        "?",
        "[",
        "]",
        "[!",
        "[a-z]",
        "{",
        "}",
        ",",
        "\n",
        "=",
        " ",
    ),
    *(
        "$",
        "$$",
        "$(",
        "$(V0)",
        "$(V1)$(V1)",
        ")",
        "\\",
        "(",
        "(?:",
        "(?i)",
        "){2}",
        "+",
        "|",
        "^",
        "(?<=a",
        "[ -\u07ff]",
    ),
    *("%Y", "%", "é", "😀", "\u0000", "loghook", "loghook-logs", "central", "search", "json", "vector", "fluentd"),
)
_COUNTS = (0, 1, 2, 3, 8, 31, 32, 33, 64, 250, 256, 257, 1000, 1024, 4000, 30_000, 100_000)
_LISTS = ("volumeMounts", "env", "envFrom", "command", "args", "volumes", "imagePullSecrets", "tolerations")


class _Dice:
    """Numbers that have been thrown; nothing but zeros after the last one."""

    def __init__(self, thrown: Iterable[int]) -> None:
        self._thrown: Iterator[int] = iter(thrown)

    def one_of(self, choices: Any) -> Any:
        return choices[next(self._thrown, 0) % len(choices)]

    def text(self) -> str:
        parts = (self.one_of(_FRAGMENTS) * self.one_of(_COUNTS[:-1]) for _ in range(self.one_of((1, 1, 2, 3, 4))))
        return "".join(parts)[: self.one_of((40, 250, 250, 500, 2000, 4000, 30_000))]


def review_of(thrown: Iterable[int]) -> bytes:
    """A review of at most 7 MiB: half legal, half not, as the API server may send both."""
    dice = _Dice(thrown)
    annotations = {f"{PREFIX}paths": "/var/log/app/*.log"}
    for _ in range(dice.one_of((0, 1, 2, 4, 8))):
        key, text = dice.one_of(tuple(KEYS.values())), dice.text()
        value = dice.one_of((key.example, text, key.example + text))
        for number in range(dice.one_of((1, 1, 2, 8, 32, 250, 1000))):
            source = f"s{number}." if key.scope == "source" and number else ""
            annotations[f"{PREFIX}{source}{key.name}"] = value
    if dice.one_of((0, 1)):
        annotations |= {f"{PREFIX}s{number}.paths": f"/var/log/{number}*.log" for number in range(32)}
    spec: dict[str, Any] = {}
    for name in ("containers", "initContainers"):
        container = {"name": dice.one_of(("app", dice.text())), **_lists(dice)}
        spec[name] = [{**container, "name": f"{container['name']}{number}"} for number in range(_few(dice))]
    spec |= _lists(dice)
    metadata = {"annotations": annotations, "labels": {"app": dice.text()}, "ownerReferences": [{}] * _few(dice)}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "object": {"metadata": metadata, "spec": spec}}
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _few(dice: _Dice) -> int:
    return min(int(dice.one_of(_COUNTS)), 300)


def _lists(dice: _Dice) -> dict[str, Any]:
    """Some of the lists of a container or of a Pod's spec, each of equal or of numbered items."""
    made: dict[str, Any] = {}
    for _ in range(dice.one_of((0, 1, 2, 3))):
        name = dice.one_of(_LISTS)
        count = min(int(dice.one_of(_COUNTS)), 5000)
        text = dice.text()[:500]
        made[name] = [_item(name, number, text) for number in range(count)]
    return made


def _item(name: str, number: int, text: str) -> Any:
    if name in {"command", "args"}:
        return text
    if name == "env":
        return {"name": f"V{number}", "value": f"$(V{number - 1}){text[:100]}"}
    if name == "volumeMounts":
        expression = {"subPathExpr": f"$(V{number})"} if number % 2 else {}
        return {"name": f"v{number}", "mountPath": f"/var/log{text[:200]}/{number}", **expression}
    return {"name": f"v{number}", "emptyDir": {}} if name == "volumes" else {"name": text}
