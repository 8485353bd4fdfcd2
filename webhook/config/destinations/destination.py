"""What every type of destination is made of."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from webhook.config.destinations.connections import Protection, SecretKey, Tls
from webhook.config.destinations.headers import Header, Headers, taken, twice
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Host, Port
from webhook.config.replacements import REPLACEMENT_NAME
from webhook.config.settings import Model

__all__ = ["Destination", "Network", "Web"]


_TLS_FILES = frozenset({"tls.ca", "tls.cert", "tls.key"})


class Destination(Model):
    """What every destination has. `namespaces` are globs of those whose Pods may name it; none given means all.

    `redact` is replaced in every record that goes there, whatever a Pod says.

    `title` is what people call the type, and `about` says what it is in a sentence. `example` are settings as whoever
    begins would write them. `refusals` say what each agent does when the destination answers that it will not take a
    request; none where there are no such answers, or the client of a cloud decides about them. `templates` are the
    fields that are templates, or maps of them; `files` are those whose secret is for a file; `logins` are
    those of which only one may be given. `own_headers` are headers that an option says, by their names in small
    letters. What a user must know besides is in `<type>.md` beside the model.
    """

    type: str
    namespaces: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[-a-z0-9*?]{1,63}$")], ...],
        Option("globs of the namespaces whose Pods may name it; without, all may"),
    ] = ()

    redact: Annotated[
        tuple[Annotated[str, Field(pattern=rf"^{REPLACEMENT_NAME}$")], ...],
        Option("names of what is replaced in every record for it, which no annotation can lift", ["email"]),
    ] = ()

    title: ClassVar[str]
    about: ClassVar[str]
    example: ClassVar[Mapping[str, Any]]
    refusals: ClassVar[Mapping[str, str]] = {}
    templates: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()
    logins: ClassVar[tuple[str, ...]] = ()
    own_headers: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        headers = self.given_headers
        given = [to_camel(field) for field in self.logins if getattr(self, field) is not None]
        if headers and given and taken(headers, "authorization"):
            raise ValueError(f"give either {given[0]} or the header Authorization")
        if len(given) > 1:
            raise ValueError(f"give either {' or '.join(map(to_camel, self.logins))}")
        return self

    @model_validator(mode="after")
    def _each_header_once(self) -> Self:
        for name in twice(self.given_headers):
            raise ValueError(f"write the header {name} once")
        for name, option in self.own_headers.items():
            if taken(self.given_headers, name):
                raise ValueError(f"write {option} in place of the header {name}")
        return self

    @property
    def given_headers(self) -> tuple[Header, ...]:
        """The headers of the administrator; none where the type speaks no HTTP."""
        headers: tuple[Header, ...] = getattr(self, "headers", ())
        return headers

    @property
    def tells_service(self) -> bool:
        """Whether it is told of the service that writes a record, as OTLP has it."""
        return False

    @cached_property
    def _every_secret(self) -> tuple[tuple[str, SecretKey], ...]:
        return tuple(_secrets(self))

    def secrets(self) -> Iterator[tuple[str, SecretKey]]:
        """Each SecretKey whose value is for a variable, with the field that holds it, e.g. `password`."""
        for name, value in self._every_secret:
            if name not in _TLS_FILES and name not in self.files:
                yield name, value

    def secret_files(self) -> Iterator[tuple[str, SecretKey]]:
        """Each SecretKey whose value is for a file, with the field that holds it: `tls.ca`, `credentials`."""
        for name, value in self._every_secret:
            if name in _TLS_FILES or name in self.files:
                yield name, value

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each template, with the field that holds it: `index`, or `labels.KEY` for one of a map."""
        for name in self.templates:
            value = getattr(self, name)
            if isinstance(value, Mapping):
                yield from ((f"{name}.{key}", text) for key, text in value.items())
            elif value is not None:
                yield name, value


def _secrets(model: Model, place: str = "") -> Iterator[tuple[str, SecretKey]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretKey):
            yield place + name, value
        elif isinstance(value, Model):
            yield from _secrets(value, f"{place}{name}.")
        elif name == "headers":
            yield from (
                (f"{place}{name}.{number}", header.value)
                for number, header in enumerate(value)
                if isinstance(header.value, SecretKey)
            )


class Network(Destination):
    """A destination that is a host and a port."""

    host: Annotated[Host, Option("a name or an address, without scheme, port and path")]
    port: Port
    tls: Protection = Tls()


class Web(Network):
    """A destination that speaks HTTP."""

    headers: Headers = ()
