"""Reviews made of dice, for searches after the one that costs most: all in them may be far too long or too many.

Most are of Pods, and some of the Deployments that bring them. Some of their texts, wherever they stand, may take up all
that a request may have.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from costly import BODY_BYTES

from webhook.annotations.registry import KEYS, PREFIX
from webhook.plan.names import DEFAULT_CONTAINER, SAFE_TO_EVICT

__all__ = ["PLACES", "Place", "review_of", "review_with"]

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

_ENDS = (*_FRAGMENTS, "ab" * 30, "a/", "/../", "-1", "$(A)", "a😀", "\u0100", '"', "\\n")
_LENGTHS = (600, 4000, 100_000, 1_000_000, 3_000_000, 7_000_000)
_POD = {"group": "", "version": "v1", "kind": "Pod"}
_DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment"}
_KEY = None
"""At the end of a place: the text is a key there."""

_METADATA = ("object", "metadata")
_SPEC = ("object", "spec")
_APP = (*_SPEC, "containers", 0)
_INIT = (*_SPEC, "initContainers", 0)
_MOUNT = (*_APP, "volumeMounts", 0)
_VOLUME = (*_SPEC, "volumes", 0)
_TERM = (*_SPEC, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", 0)
Place = tuple[str | int | None, ...]
PLACES: tuple[Place, ...] = (
    *((*_MOUNT, name) for name in ("name", "mountPath", "subPath", "subPathExpr")),
    *((*_APP, name) for name in ("name", "image", "workingDir", "restartPolicy")),
    *((*_APP, *rest) for rest in (("command", 0), ("args", 0), ("env", 0, "name"), ("env", 0, "value"))),
    *((*_APP, "resources", name, "cpu") for name in ("limits", "requests")),
    *((*_APP, "env", 0, "valueFrom", kind, "fieldPath") for kind in ("fieldRef", "nobody")),
    *((*_INIT, *rest) for rest in (("name",), ("volumeMounts", 0, "name"), ("volumeMounts", 0, "mountPath"))),
    *((*_VOLUME, *rest) for rest in (("name",), ("persistentVolumeClaim", "claimName"), ("hostPath", "path"))),
    *((*_SPEC, *rest) for rest in (("nodeSelector", _KEY), ("nodeSelector", "kubernetes.io/os"), ("os", "name"))),
    *(
        (*_SPEC, *rest)
        for rest in (("imagePullSecrets", 0, "name"), ("restartPolicy",), ("resources", "limits", "cpu"))
    ),
    *((*_TERM, "matchExpressions", 0, name) for name in ("key", "operator")),
    *(
        (*_METADATA, *rest)
        for rest in (("labels", "app"), ("labels", _KEY), ("annotations", "x"), ("annotations", _KEY))
    ),
    *((*_METADATA, "ownerReferences", 0, name) for name in ("name", "kind")),
    *((*_METADATA, name) for name in ("name", "generateName", "namespace")),
    *((*_METADATA, "annotations", PREFIX + name) for name in (*KEYS, "status", "config", "unheard-of")),
    *((*_METADATA, "annotations", name) for name in (DEFAULT_CONTAINER, SAFE_TO_EVICT, "kubernetes.io/config.source")),
    *(("uid",), ("name",), ("namespace",), ("operation",), ("kind", "kind"), ("kind", "group"), ("nobody",)),
)
"""Where texts stand in a request."""

_LIKELY: tuple[tuple[Place, str], ...] = (
    ((*_MOUNT, "mountPath"), "/var/log/app"),
    ((*_MOUNT, "name"), "data"),
    ((*_VOLUME, "name"), "data"),
    ((*_APP, "env", 0, "name"), "A"),
    ((*_MOUNT, "subPathExpr"), "$(A)"),
    ((*_METADATA, "annotations", f"{PREFIX}destination"), "central"),
    ((*_METADATA, "annotations", f"{PREFIX}destination"), "search"),
    ((*_METADATA, "annotations", f"{PREFIX}agent"), "vector"),
    ((*_METADATA, "annotations", f"{PREFIX}agent"), "otel-collector"),
    ((*_METADATA, "annotations", f"{PREFIX}agent"), "fluentd"),
    ((*_METADATA, "annotations", f"{PREFIX}native-sidecar"), "false"),
    ((*_METADATA, "annotations", f"{PREFIX}container"), "app"),
)
"""What brings a long text beside it to those who read it."""


class _Dice:
    """Numbers that have been thrown; nothing but zeros after the last one."""

    def __init__(self, thrown: Iterable[int]) -> None:
        self._thrown: Iterator[int] = iter(thrown)

    def one_of(self, choices: Any) -> Any:
        return choices[next(self._thrown, 0) % len(choices)]

    def text(self) -> str:
        parts = (self.one_of(_FRAGMENTS) * self.one_of(_COUNTS[:-1]) for _ in range(self.one_of((1, 1, 2, 3, 4))))
        return "".join(parts)[: self.one_of((40, 250, 250, 500, 2000, 4000, 30_000))]

    def long_text(self) -> str:
        """One that may take up a whole request: ends around many times the same."""
        begin, part, end = self.one_of(("", "/", "loghook-")), self.one_of(_ENDS), self.one_of(_ENDS)
        return f"{begin}{part * _as_many(part, self.one_of(_LENGTHS), around=0)}{end}"


def review_of(thrown: Iterable[int]) -> bytes:
    """A review of some 7 MiB at most: half legal, half not, as the API server may send both."""
    dice = _Dice(thrown)
    long = [(dice.one_of(PLACES), dice.long_text()) for _ in range(dice.one_of((0, 1, 0, 1, 2, 3)))]
    likely = [dice.one_of(_LIKELY) for _ in range(dice.one_of((0, 1, 2, 4, 6)) if long else 0)]
    kind, pod = dice.one_of((_POD, _POD, _POD, _DEPLOYMENT)), dice.one_of((_pod, _sound))(dice)
    whole = _review(kind, pod, (*likely, *long))
    text = json.dumps(whole, ensure_ascii=dice.one_of((False, True)), separators=(",", ":"))
    return _forged(dice, text).encode("utf-8", "replace")


def review_with(place: Place, text: str, *, is_applied: bool) -> bytes:
    """A review of a Pod of which nothing is wrong but for `text` at `place`, or of the Deployment that brings it."""
    whole = _review(_DEPLOYMENT if is_applied else _POD, _sound(_Dice(())), ((place, text),))
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _review(kind: dict[str, str], pod: dict[str, Any], texts: Iterable[tuple[Place, str]]) -> dict[str, Any]:
    """A review of `pod`, or of what brings it, with each of `texts` at its place."""
    request: dict[str, Any] = {"kind": kind, "uid": "u", "operation": "CREATE", "object": pod}
    for place, text in texts:
        request = _with(request, place, text)
    if kind is _DEPLOYMENT:
        request["object"] = {"metadata": {"name": "web"}, "spec": {"template": request["object"]}}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def _pod(dice: _Dice) -> dict[str, Any]:
    """A Pod in which nearly everything is wrong."""
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
    labels = {"app": dice.text(), **_numbered(dice, "l", dice.one_of(("", dice.text()[:500])))}
    metadata = {"annotations": annotations, "labels": labels, "ownerReferences": [{}] * _few(dice)}
    return {"metadata": metadata, "spec": spec}


def _sound(dice: _Dice) -> dict[str, Any]:
    """A Pod that asks for much, of which nothing is wrong by itself."""
    containers, sources, mounts = dice.one_of((1, 1, 8, 64, 256)), dice.one_of((1, 1, 8, 32)), dice.one_of((0, 1, 2))
    names = [f"c{number}" for number in range(containers)]
    annotations = {f"{PREFIX}s{number}.paths": f"/var/log/app/{number}*.log" for number in range(sources)}
    annotations[f"{PREFIX}container"] = ",".join(names[:8])
    for _ in range(dice.one_of((0, 0, 1, 2, 4))):
        key = dice.one_of(tuple(KEYS.values()))
        annotations[PREFIX + key.name] = key.example
    mounted = [{"name": "data", "mountPath": "/var/log/app"}, {"name": "other", "mountPath": "/srv"}][:mounts]
    spec = {
        "containers": [{"name": name, "volumeMounts": mounted} for name in names],
        "volumes": [{"name": each["name"], "emptyDir": {}} for each in mounted],
    }
    return {"metadata": {"name": "app", "annotations": annotations}, "spec": spec}


def _with(there: Any, place: Place, text: str) -> Any:
    """`there` with `text` at `place`, whatever stands in its way."""
    if not place:
        return text
    step, *rest = place
    if isinstance(step, int):
        items = there if isinstance(there, list) else []
        return [_with(items[0] if items else None, tuple(rest), text), *items[1:]]
    members = there if isinstance(there, dict) else {}
    return {**members, text: ""} if step is _KEY else {**members, step: _with(members.get(step), tuple(rest), text)}


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


def _as_many(item: str, bytes_: int, around: int = 20) -> int:
    """How often `item` may come for so many bytes, with what JSON puts around it: what is larger is no review."""
    return bytes_ // (len(item.encode("utf-8", "replace")) + around)


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
