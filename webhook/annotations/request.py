"""What the annotations of a Pod ask for, parsed and with the defaults filled in."""

from collections.abc import Iterator, Mapping

import msgspec

from webhook.annotations.registry import FIELDS_ABOUT_RECORDS, PREFIX
from webhook.pod.paths import LogPath

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
    said: Mapping[str, str] = {}

    def key(self, name: str) -> str:
        """The whole key `name` of this source, as a user would write it."""
        return f"{PREFIX}{self.name}.{name}" if self.name else PREFIX + name

    def said_of_records(self) -> Iterator[str]:
        """The whole keys by which the Pod says how records are read, and what is put on them."""
        yield from (self.said[field] for field in FIELDS_ABOUT_RECORDS if field in self.said)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a Pod's annotations ask for, with the defaults filled in. `said` as in Source."""

    sources: tuple[Source, ...]
    agent: str
    engine: str
    offsets: bool
    native_sidecar: bool
    inject: bool | None = None
    on_error: str
    volume_size_limit: str
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    drain_seconds: int
    node_agent_hints: str
    said: Mapping[str, str] = {}
