"""Kubernetes manifests: files in, the objects that bring Pods, and the same text with a patch in it out.

Every document stays the text that it is. Only where something is added to a Pod its document changes, by the lines that
are added; a document in JSON is written anew, since JSON has no comments, quotes or styles to lose.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonpatch
import msgspec

from webhook.advice import Object
from webhook.cli import contents
from webhook.cli.contents import STDIN
from webhook.cli.failures import InputError
from webhook.cli.reduction import GONE, Step, reduced, reduction
from webhook.cli.workloads import NO_POD, is_listed, without_pod, workload
from webhook.cli.yaml_text.documents import Document, split
from webhook.cli.yaml_text.insertion import add, add_all
from webhook.cli.yaml_text.nodes import Alias, DocumentError, Scalar
from webhook.cli.yaml_text.nodes import Mapping as MappingNode
from webhook.cli.yaml_text.places import node_at, stands_alone, value_at
from webhook.cli.yaml_text.removal import remove
from webhook.diagnostics import escape
from webhook.inject import Op
from webhook.pod.view import Pod, PodError, view
from webhook.pod.workloads import Workload

__all__ = ["STDIN", "Manifest", "ManifestError", "Part", "in_bytes", "of_object", "parse", "read"]

_Path = tuple[str, ...]


class ManifestError(InputError):
    """What is wrong in the file `origin`, and at which line and column: from 1, or 0 where that is not known."""

    def __init__(self, origin: str, error: DocumentError) -> None:
        place = f"{origin}:{error.line}:{error.column}" if error.line else origin
        super().__init__(f"{place}: {error.problem}")
        self.line, self.column, self.problem = error.line, error.column, error.problem


@dataclass(frozen=True)
class Part:
    """One object of a document. `path` leads to it in the document; `workload` is None where it brings no Pod."""

    manifest: "Manifest"
    path: _Path
    raw: dict[str, Any]
    kind: str
    workload: Workload | None

    @property
    def name(self) -> str:
        """What kubectl would call it: `deployment/web`."""
        generated = f"{self._metadata['generateName']}*" if self._metadata.get("generateName") else "(no name)"
        return f"{escape(self.kind.lower())}/{escape(str(self._metadata.get('name') or generated), 253)}"

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata = self.raw.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def pod_path(self) -> _Path:
        """The way from the document's root to the Pod, or to the template of it."""
        return self.path + (self.workload.template if self.workload else ())

    def has_pod(self) -> bool:
        """Whether there is a Pod, or a template of one."""
        return self.workload is not None and isinstance(self.template(), dict)

    def why_no_pod(self, *, is_verbose: bool = True) -> str:
        """Why nothing is done for it, where it has none; of one that has nothing to do with Pods only if asked."""
        why = without_pod(self.raw)
        return why if is_verbose or why != NO_POD else ""

    def applied(self, pod: Pod) -> Object:
        """The object, whose view is `pod`, as it is judged when it is applied."""
        workload = self.workload or Workload(())
        return Object(self.name, workload, pod, [self._said(station) for station in workload.stations()])

    def _said(self, station: _Path) -> dict[str, str]:
        """The annotations at a station on the way to the template."""
        said = value_at(self.raw, (*station, "metadata", "annotations"))
        return (
            {str(key): "" if value is None else str(value) for key, value in said.items()}
            if isinstance(said, dict)
            else {}
        )

    def namespace(self, wanted: str | None, usual: str = "default") -> str:
        """The namespace that the object goes to: the `wanted`, which is typed, else what is written, else the `usual`.

        As in kubectl, what is typed and what is written must agree. Raises InputError.
        """
        written = self._metadata.get("namespace")
        if wanted and written and written != wanted:
            raise InputError(
                f"{self.manifest.origin}: {self.name} is in the namespace {escape(str(written))}, not in {wanted}: "
                f"leave --namespace out"
            )
        return wanted or str(written or usual)

    def pod(self, template: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The raw Pod, as the object's controller would create it of its template, or of another; without a name."""
        pod = {**(self.template() if template is None else template), "apiVersion": "v1", "kind": "Pod"}
        metadata = {} if pod.get("metadata") is None else pod["metadata"]
        if not isinstance(metadata, dict):
            return pod
        pod["metadata"] = metadata = dict(metadata)
        for field in ("annotations", "labels"):
            if isinstance(metadata.get(field), dict):  # a null is an empty text to the API server
                metadata[field] = {key: "" if value is None else value for key, value in metadata[field].items()}
        if self.workload and self.workload.owner:
            metadata["generateName"] = f"{self._metadata.get('name') or self.kind.lower()}-"
            metadata["ownerReferences"] = [{"kind": self.workload.owner, "controller": True}]
        return pod

    def place(self, annotation: str, *, beside: bool = False) -> str:
        """Where the Pod says `annotation`, or else, where wanted, what stands `beside` it, as `file:line:column`."""
        line, column = self.line_and_column(annotation, beside=beside)
        return f"{self.manifest.origin}:{line}:{column}" if line else self.manifest.origin

    def line_and_column(self, annotation: str, *, beside: bool = False) -> tuple[int, int]:
        """Where the Pod says `annotation`, or the first `beside` it; where nobody does, the nearest that is written."""
        way = self.pod_path
        if beside and self.workload:
            stations = self.workload.stations()
            way = self.path + next((each for each in stations if annotation in self._said(each)), ())
        return self.manifest.place_of_key((*way, "metadata", "annotations", annotation))

    def view(self) -> Pod:
        """The Pod as `inject` takes it. Raises InputError where it is not shaped like one."""
        self._check_texts("annotations")
        self._check_texts("labels")
        try:
            return view(self.pod())
        except PodError as error:
            raise self.manifest.wrong(self.pod_path, f"{self.name}: {error}") from None

    def template(self) -> Any:
        """The raw Pod, or what is written in place of the template of one."""
        return value_at(self.raw, self.workload.template if self.workload else ())

    def _check_texts(self, field: str) -> None:
        """Find what YAML took for a number or a boolean: the most frequent mistake with annotations."""
        metadata = self.template().get("metadata")
        texts = metadata.get(field) if isinstance(metadata, dict) else None
        for key, value in texts.items() if isinstance(texts, dict) else ():
            if isinstance(value, str) or value is None:
                continue
            kind = next(word for type_, word in _KINDS if isinstance(value, type_))
            written = self.manifest.written((*self.pod_path, "metadata", field, key))
            fix = f': quote it, {escape(key)}: "{escape(written, 100)}"' if written else ""
            what = f"{self.name}: the {field.removesuffix('s')} {escape(key)} is a {kind}, not a text{fix}"
            raise self.manifest.wrong((*self.pod_path, "metadata", field, key), what)


_KINDS = ((bool, "boolean"), (int | float, "number"), (list, "list"), (dict, "map"))


class Manifest:
    """One document, from a file or from stdin, with what it means."""

    def __init__(self, origin: str, document: Document) -> None:
        self.origin = origin
        self.document = document
        try:
            self.value = document.value
        except DocumentError as error:
            raise ManifestError(origin, error) from None

    def parts(self) -> Iterator[Part]:
        """Every object in it, those of a list one by one."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            kind = "list" if isinstance(self.value, list) else "text" if isinstance(self.value, str) else "number"
            raise self.wrong((), f"a {kind}, where an object of Kubernetes should be")
        yield from self._parts((), self.value, "", "")

    def _parts(self, path: _Path, raw: dict[str, Any], api_version: str, kind: str) -> Iterator[Part]:
        kind, api_version = str(raw.get("kind") or kind), str(raw.get("apiVersion") or api_version)
        if not kind:
            raise self.wrong(path, "no object of Kubernetes: it has no kind")
        group = api_version.rpartition("/")[0]
        items = raw.get("items")
        item_kind = kind.removesuffix("List")
        if item_kind != kind and isinstance(items, list) and (not item_kind or is_listed(group, item_kind)):
            for index, item in enumerate(items):
                place = (*path, "items", str(index))
                if not isinstance(item, dict):
                    raise self.wrong(place, "this item of the list is no object of Kubernetes")
                yield from self._parts(place, item, api_version if item_kind else "", item_kind)
            return
        yield Part(self, path, raw, kind, workload(group, kind, raw))

    def patched(self, patches: Iterable[tuple[Part, Iterable[Op]]]) -> str:
        """The document's text with the operations of `patches` applied to the Pods of its parts."""
        listed = [(part, _as_sent(ops)) for part, ops in patches]
        if not any(ops for _, ops in listed):
            return self.document.text
        expected = msgspec.to_builtins(self.value)  # an object for each alias: they must not change together
        for part, ops in listed:
            prefix = "".join(f"/{step}" for step in part.pod_path)
            moved = [{**op, "path": prefix + op["path"]} for op in ops]
            jsonpatch.apply_patch(expected, moved, in_place=True)
        text = self._as_json(expected) or self._as_yaml(listed)
        # The two ways to the same result check each other: a wrong manifest must not get out.
        if split(text)[0].value != expected:
            raise self.wrong((), "this document is written in a way that loghook cannot add to; use plainer YAML")
        return text

    def reduced(self, parts: Iterable[tuple[Part, dict[str, Any]]]) -> str:
        """The document's text with the Pods of its parts as they are given, which lack something or say less."""
        steps = [step for part, less in parts if less for step in reduction(part.template(), less, part.pod_path)]
        if not steps:
            return self.document.text
        expected = reduced(json.loads(json.dumps(self.value)), steps)
        text = self._as_json(expected) or self._reduced_yaml(steps)
        if split(text)[0].value != expected:
            raise self.wrong((), "this document is written in a way that loghook cannot take from; use plainer YAML")
        return text

    def _reduced_yaml(self, steps: list[Step]) -> str:
        text = self.document.text
        for path, value in steps:
            try:
                text = remove(text, path) if value is GONE else add(text, path, value)
            except DocumentError as error:
                raise self.wrong(path, error.problem) from None
        return text

    def _as_json(self, value: Any) -> str | None:
        """The document with `value` in place of its own, indented as it was; None where it is no JSON."""
        root, text = self.document.root, self.document.text
        if not isinstance(root, MappingNode) or not root.is_flow:
            return None
        source = text[root.start : root.end]
        try:
            json.loads(source)
        except ValueError:
            return None
        indent = re.match(r"\{\r?\n([ \t]+)", source)
        separators = (",", ":") if not indent and '": ' not in source else None
        new = json.dumps(value, indent=indent and indent[1], ensure_ascii=source.isascii(), separators=separators)
        return text[: root.start] + new + text[root.end :]

    def _as_yaml(self, patches: list[tuple[Part, list[dict[str, Any]]]]) -> str:
        """The text with lines added. From the last part to the first: what is before a change stays where it was."""
        text = self.document.text
        for part, ops in reversed(patches):
            node = node_at(self.document.root, part.path)
            # An object in a list is dealt with as a document of its own, which keeps the time linear.
            alone = len(part.path) > 0 and stands_alone(self.document, node)
            start, end = (node.start, node.end) if alone and node else (0, len(text))
            indent = " " * (start - text.rfind("\n", 0, start) - 1) if alone else ""
            piece = indent + text[start:end] if alone else text
            prefix = part.workload.template if alone and part.workload else part.pod_path
            try:
                document = self.document if piece is self.document.text else split(piece)[0]
                piece = add_all(document, [((*prefix, *_steps(op["path"])), op["value"]) for op in ops])
            except DocumentError as error:
                raise InputError(f"{self.origin}: {part.name}: {error.problem}") from None
            text = text[:start] + piece.removeprefix(indent) + text[end:]
        return text

    def written(self, path: _Path) -> str:
        """How the scalar at `path` is written; empty where it is none."""
        node = node_at(self.document.root, path)
        return node.text if isinstance(node, Scalar) else ""

    def wrong(self, path: _Path, problem: str) -> ManifestError:
        """The error that says `problem` of what is at `path`, or of the nearest that can be found on the way."""
        node = self.document.root
        for length in range(len(path) + 1):
            node = node_at(self.document.root, path[:length]) or node
        return ManifestError(self.origin, node.wrong(problem) if node else DocumentError(problem))

    def place_of_key(self, path: _Path) -> tuple[int, int]:
        """Line and column of the key that `path` ends in, else of the nearest that is written on the way to it."""
        above = node_at(self.document.root, path[:-1])
        if isinstance(above, Alias):
            above = above.target
        for name, _ in above.pairs if isinstance(above, MappingNode) else ():
            if isinstance(name, Scalar) and name.text == path[-1]:
                return name.line, name.column
        error = self.wrong(path, "")
        return error.line, error.column


def read(source: str) -> list[Manifest]:
    """The documents of the file `source`, or of stdin (`-`). Raises InputError, with the place where it knows it."""
    origin = "stdin" if source == STDIN else escape(source, 1000)
    return in_bytes(origin, contents.of(source, origin))


def in_bytes(origin: str, content: bytes) -> list[Manifest]:
    """The documents of `content`, which came from `origin`. Raises InputError, with the place where it knows it."""
    return parse(origin, _decoded(origin, content))


def parse(origin: str, text: str) -> list[Manifest]:
    """The documents of `text`, which came from `origin`. Raises InputError, with the place where it knows it."""
    try:
        documents = split(text.removeprefix("\ufeff"))
    except DocumentError as error:
        raise ManifestError(origin, error) from None
    if text.startswith("\ufeff"):
        documents[0].has_mark = True
    manifests = [Manifest(origin, document) for document in documents]
    if all(manifest.value is None for manifest in manifests):
        raise ManifestError(origin, DocumentError("has no object in it" if text.strip() else "is empty"))
    return manifests


def of_object(origin: str, raw: dict[str, Any]) -> Part:
    """The one object `raw`, which came from elsewhere than a file, as a part of a manifest."""
    (part,) = Manifest(origin, split(json.dumps(raw))[0]).parts()
    return part


def _steps(pointer: str) -> list[str]:
    """The segments of a JSON Pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _as_sent(ops: Iterable[Op]) -> list[dict[str, Any]]:
    """Operations as the webhook sends them: plain data."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(list(ops))
    return plain


def _decoded(origin: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = " (it looks like UTF-16)" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        problem = f"is not UTF-8{hint}: byte {error.start + 1} cannot be read; save it as UTF-8"
        raise ManifestError(origin, DocumentError(problem)) from None
