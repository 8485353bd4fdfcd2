"""What the annotations of a Pod ask for, parsed and with the defaults filled in."""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from webhook.annotations.registry import FIELDS_ABOUT_RECORDS, FIELDS_OF_AGENTS, KEYS, POD_FIELDS, PREFIX, SOURCE_FIELDS
from webhook.pod.paths import LogPath
from webhook.tables import demand

__all__ = ["Request", "Source"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One named set of log paths that are read the same way; the unnamed one is named ``""``.

    `said` has the whole key under which the Pod says a value, by field; a field that is not there has a default.
    """

    name: str
    paths: tuple[LogPath, ...]
    exclude: tuple[str, ...]
    format: str
    container: tuple[str, ...] = ()
    mode: str = "streaming"
    destination: str | None = None
    read_from: str | None = None
    multiline_start: str | None = None
    time_key: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"
    fields: tuple[tuple[str, str], ...] = ()
    keep: str | None = None
    drop: str | None = None
    redact: tuple[str, ...] = ()
    said: Mapping[str, str] = {}

    def key(self, name: str) -> str:
        """The whole key `name` of this source, as a user would write it."""
        return f"{PREFIX}{self.name}.{name}" if self.name else PREFIX + name

    def said_of_records(self) -> Iterator[str]:
        """The whole keys by which the Pod says how records are read, and what is put on them."""
        yield from (self.said[field] for field in FIELDS_ABOUT_RECORDS if field in self.said)

    def said_to_agents(self) -> Iterator[str]:
        """The whole keys by which the Pod asks for what only an agent does."""
        yield from (self.said[field] for field in FIELDS_OF_AGENTS if field in self.said)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a Pod's annotations ask for, with the defaults filled in. `said` as in Source."""

    sources: tuple[Source, ...]
    agent: str
    engine: str
    offsets: bool
    free: bool
    native_sidecar: bool
    inject: bool | None = None
    on_error: str
    volume_size_limit: str
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    ephemeral_storage_request: str | None = None
    ephemeral_storage_limit: str | None = None
    drain_seconds: int
    node_agent_hints: str
    said: Mapping[str, str] = {}


def _check(struct: type[msgspec.Struct], fields: Collection[str], own: Collection[str]) -> None:
    """Every key has its field, every field its key, and a key without a default text a field that has one."""
    where = f"{struct.__name__} in webhook/annotations/request.py"
    there = {field.name: field.required for field in msgspec.structs.fields(struct)}
    demand(fields, there, f"KEYS has a key for the field `{{name}}`, and {where} has no such field: add it there")
    demand(there.keys() - own, fields, f"{where} has the field `{{name}}`, and KEYS no key for it: add one")
    optional = {name for name, required in there.items() if not required}
    undefined = [key.field for key in KEYS.values() if key.field in fields and key.default is None]
    sentence = f"the key of `{{name}}` has no default: give it one in KEYS, or give the field one, in {where}"
    demand(undefined, {*optional, "paths"}, sentence)


_check(Source, SOURCE_FIELDS, {"name", "said"})
_check(Request, POD_FIELDS, {"sources", "said"})
