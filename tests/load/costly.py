"""Reviews made of dice, for searches after the one that costs most: all in them may be far too long or too many."""

import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

from webhook.annotations.registry import KEYS, PREFIX
from webhook.config.loghook_yaml import load
from webhook.review import NotAReview, Reviews

__all__ = ["BODY_BYTES", "CONFIG", "CPU_SECONDS", "PEAK_BYTES", "cost", "review_of", "slowness"]

BODY_BYTES = 7 * 2**20
CPU_SECONDS = 0.25
PEAK_BYTES = 64 * 2**20
"""What one review may take of the processor's time and of memory."""

_TRIES = 3
_YARDSTICK_SECONDS = 0.0085
"""What the work of `slowness` takes on the machine for whose processor `CPU_SECONDS` is: an AMD EPYC of the cloud."""
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
_LISTS = (
    *("volumeMounts", "env", "envFrom", "command", "args", "volumes", "imagePullSecrets", "tolerations"),
    *("ephemeralContainers", "topologySpreadConstraints", "hostAliases", "ports", "resizePolicy"),
)
_MAPS = ("nodeSelector", "resources", "affinity", "lifecycle", "securityContext", "os", "nobody")
_SCALARS = ("0", "-1", "1e40", "1e400", "-0.0", "9" * 19, "9" * 400, "0.1e-400", "null", "true", '"1e40"', '"\\u0000"')


class _Dice:
    """Numbers that have been thrown; nothing but zeros after the last one."""

    def __init__(self, thrown: Iterable[int]) -> None:
        self._thrown: Iterator[int] = iter(thrown)

    def one_of(self, choices: Any) -> Any:
        return choices[next(self._thrown, 0) % len(choices)]

    def text(self) -> str:
        parts = (self.one_of(_FRAGMENTS) * self.one_of(_COUNTS[:-1]) for _ in range(self.one_of((1, 1, 2, 3, 4))))
        return "".join(parts)[: self.one_of((40, 250, 250, 500, 2000, 4000, 30_000))]


def cost(body: bytes) -> tuple[float, int]:
    """Processor time in seconds and peak memory in bytes of one answer, each measured for itself.

    The time is the process's own, and the least of some tries where it is too much: on a busy machine others take the
    processor's caches, but a review that costs too much does so each time. A slower machine has as much more.
    """
    return _seconds(body), _peak(body)


def _seconds(body: bytes) -> float:
    least = float("inf")
    for _ in range(_TRIES):
        reviews = Reviews(load(CONFIG))  # which remembers nothing yet
        started = time.process_time()
        _answer(reviews, body)
        least = min(least, time.process_time() - started)
        if least < CPU_SECONDS:
            return least
    return least / slowness()


def slowness() -> float:
    """How many times slower this machine is now than that for whose processor `CPU_SECONDS` is; 1 where it is not."""
    text = json.dumps([{"name": f"n{number}", "value": str(number) * 3} for number in range(5000)])
    least = float("inf")
    for _ in range(_TRIES):
        started = time.process_time()
        json.loads(text)
        sum(len(str(number)) for number in range(100_000))
        least = min(least, time.process_time() - started)
    return max(1.0, least / _YARDSTICK_SECONDS)


def _peak(body: bytes) -> int:
    reviews = Reviews(load(CONFIG))
    tracemalloc.start()
    try:
        _answer(reviews, body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _answer(reviews: Reviews, body: bytes) -> None:
    try:
        reviews.answer(body)
    except NotAReview:
        return  # HTTP 400, which costs what it costs


def review_of(thrown: Iterable[int]) -> bytes:
    """A review of at most 7 MiB: half legal, half not, as the API server may send both."""
    dice = _Dice(thrown)
    annotations = {f"{PREFIX}paths": "/var/log/app/*.log"}
    for _ in range(dice.one_of((0, 1, 2, 4, 8))):
        key, text = dice.one_of(tuple(KEYS.values())), dice.text()
        value = dice.one_of((key.example, text, key.example + text))
        for number in range(min(dice.one_of((1, 1, 2, 8, 32, 250, 1000)), _as_many(value, BODY_BYTES // 4))):
            source = f"s{number}." if key.scope == "source" and number else ""
            annotations[f"{PREFIX}{source}{key.name}"] = value
    if dice.one_of((0, 1)):
        annotations |= {f"{PREFIX}s{number}.paths": f"/var/log/{number}*.log" for number in range(32)}
    spec: dict[str, Any] = {}
    for name in ("containers", "initContainers"):
        container = {"name": dice.one_of(("app", dice.text())), **_lists(dice)}
        count = min(_few(dice), _as_many(json.dumps(container), BODY_BYTES // 2))
        spec[name] = [{**container, "name": f"{container['name']}{number}"} for number in range(count)]
    spec |= _lists(dice)
    annotations |= _numbered(dice, "example.com/", dice.one_of(("", dice.text())))
    labels = {"app": dice.text(), **_numbered(dice, "l", "")}
    metadata = {"annotations": annotations, "labels": labels, "ownerReferences": [{}] * _few(dice)}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "object": {"metadata": metadata, "spec": spec}}
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    text = json.dumps(whole, ensure_ascii=dice.one_of((False, True)), separators=(",", ":"))
    return _forged(dice, text).encode("utf-8", "replace")


def _forged(dice: _Dice, text: str) -> str:
    """`text` as no API server would write it, or as it is: members twice, keys escaped, what is deep."""
    for _ in range(dice.one_of((0, 0, 1, 2))):
        member = dice.one_of(("containers", "volumes", "metadata", "annotations", "projected", "lifecycle", "nobody"))
        place, behind = dice.one_of((('"spec":{', ""), ('"metadata":{', ""), ('"request":{', ""), ("{", '"name":')))
        deep = _deep(dice)
        count = min(int(dice.one_of(_COUNTS)), _as_many(deep, BODY_BYTES // 2))
        text = text.replace(f"{place}{behind}", f'{place}"{member}":{deep},{behind}', count)
    keys: str = dice.one_of((PREFIX, PREFIX, PREFIX, "\\u006c" + PREFIX[1:]))
    return text.replace(PREFIX, keys)


def _deep(dice: _Dice) -> str:
    """Some JSON: wide, or deep, or a number that hardly anybody takes."""
    begin, end = dice.one_of((("[", "]"), ('{"a":', "}"), ('[{"name":', "}]")))
    depth, wide, scalar = dice.one_of((0, 1, 3, 64, 500, 2000)), int(dice.one_of(_COUNTS)), dice.one_of(_SCALARS)
    items = ",".join([scalar] * min(wide, 2**20 // len(scalar)))
    return f"{begin * depth}[{items}]{end * depth}"


def _numbered(dice: _Dice, prefix: str, value: str) -> dict[str, str]:
    return {f"{prefix}{number}": value for number in range(dice.one_of((0, 0, 1, 256, 10_000)))}


def _as_many(item: str, bytes_: int) -> int:
    """How often `item` may come for so many bytes, with what JSON puts around it: what is larger is no review."""
    return bytes_ // (len(item.encode("utf-8", "replace")) + 20)


def _few(dice: _Dice) -> int:
    return min(int(dice.one_of(_COUNTS)), 300)


def _lists(dice: _Dice) -> dict[str, Any]:
    """Some of the lists of a container or of a Pod's spec, each of equal or of numbered items."""
    made: dict[str, Any] = {}
    for _ in range(dice.one_of((0, 1, 2, 3))):
        name = dice.one_of(_LISTS)
        text = dice.text()[:500]
        count = min(int(dice.one_of(_COUNTS)), _as_many(text, BODY_BYTES // 4))
        made[name] = [_item(name, number, text) for number in range(count)]
    for _ in range(dice.one_of((0, 0, 1, 2))):
        made |= _map(dice)
    return made


def _map(dice: _Dice) -> dict[str, Any]:
    """A map of a container or of a Pod's spec."""
    name, text = dice.one_of(_MAPS), dice.text()[:500]
    count = min(int(dice.one_of(_COUNTS)), _as_many(text, BODY_BYTES // 8))
    numbered = {f"{text[:60]}{number}": text for number in range(count)}
    if name == "affinity":
        each = {
            "matchExpressions": [{"key": text, "operator": "In", "values": [text] * min(count, 64)}] * min(count, 64)
        }
        terms = {"nodeSelectorTerms": [each] * min(count, 32)}
        return {name: {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    return {name: {"requests": numbered, "limits": numbered} if name == "resources" else numbered}


def _item(name: str, number: int, text: str) -> Any:
    if name in {"command", "args"}:
        return text
    if name == "env":
        return {"name": f"V{number}", "value": f"$(V{number - 1}){text[:100]}"}
    if name == "volumeMounts":
        expression = {"subPathExpr": f"$(V{number})"} if number % 2 else {}
        return {"name": f"v{number}", "mountPath": f"/var/log{text[:200]}/{number}", **expression}
    return {"name": f"v{number}", "emptyDir": {}} if name == "volumes" else {"name": text}
