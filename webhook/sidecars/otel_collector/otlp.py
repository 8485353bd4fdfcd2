"""What is sent by OTLP: to what speaks it, and to Loki, whose own API no exporter has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook.config.destinations import Loki, Network, Otlp, VictoriaLogs
from webhook.sidecars import Target, Text
from webhook.sidecars import victorialogs as told
from webhook.sidecars.otel_collector import connections
from webhook.sidecars.otel_collector.connections import Export, settings_as
from webhook.sidecars.otel_collector.notation import plain, quoted, statement

__all__ = ["by_http", "loki", "otlp", "victorialogs"]

_GRPC_LIMIT = 4000 * 1024  # bytes; receivers of gRPC take 4 MiB (google.golang.org/grpc, server.go)
_PUSH = "/loki/api/v1/push"


def otlp(target: Target) -> Export:
    """OTLP over HTTP or gRPC."""
    settings = settings_as(Otlp, target)
    if settings.protocol == "grpc":
        return _by_grpc(target, connections.bearer(target))
    return by_http(target, settings.path, connections.bearer(target))


def by_http(
    target: Target,
    path: str,
    own: Mapping[str, Text],
    *,
    extensions: Mapping[str, dict[str, Any]] | None = None,
    statements: Mapping[str, list[Text]] | None = None,
) -> Export:
    """OTLP over HTTP to `path`, with headers of its `own` beside the administrator's."""
    extensions = extensions or {}
    options = {
        "logs_endpoint": connections.url(settings_as(Network, target), path),
        "timeout": "30s",
        **connections.tls(target),
        **connections.auth(extensions),
        **connections.headers(target, own),
    }
    return Export(
        kind="otlp_http",
        options=options,
        is_document=False,
        statements=statements or {},
        extensions=extensions,
        is_in_small_image=not extensions,
    )


def _by_grpc(target: Target, own: Mapping[str, Text]) -> Export:
    settings = settings_as(Network, target)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = {"endpoint": f"{host}:{settings.port}", "timeout": "30s", **connections.tls(target)}
    for option, headers in connections.headers(target, own).items():
        options[option] = {name.lower(): value for name, value in headers.items()}
    options["sending_queue"] = {"batch": {"max_size": _GRPC_LIMIT}}
    return Export(kind="otlp_grpc", options=options, is_document=False, is_in_small_image=True)


def loki(target: Target) -> Export:
    """By Loki's own OTLP endpoint, which stands beside the path of its push API."""
    settings = settings_as(Loki, target)
    path = settings.path.removesuffix(_PUSH) + "/otlp/v1/logs" if settings.path.endswith(_PUSH) else settings.path
    own = connections.bearer(target) | ({"X-Scope-OrgID": (settings.tenant,)} if settings.tenant else {})
    labels = [
        statement("set(resource.attributes[", quoted(field.partition(".")[2]), "], ", quoted(text), ")")
        for field, text in target.templates.items()
    ]
    return by_http(target, path, own, extensions=connections.basic(target), statements={"resource": labels})


def victorialogs(target: Target) -> Export:
    """By VictoriaLogs' own OTLP endpoint, since no exporter writes lines of JSON to HTTP."""
    settings = settings_as(VictoriaLogs, target)
    own = told.headers(target, settings, are_lines=False)
    path = f"{settings.path}/insert/opentelemetry/v1/logs"
    said = {"log": list(_message(settings.message_fields))}
    made = by_http(
        target, path, own | connections.bearer(target), extensions=connections.basic(target), statements=said
    )
    made.options["compression"] = settings.compression
    return made


def _message(names: Sequence[str]) -> Iterator[Text]:
    """The first of the fields `names` that says something becomes the body, in which `message` is already.

    From the last on, so that what is moved by one statement is no field of another. A `message` that gives way is a
    field like others.
    """
    places = [
        "log.body" if name == "message" else plain(statement("log.attributes[", quoted(name), "]")) for name in names
    ]
    for number, place in reversed(list(enumerate(places))):
        if place != "log.body":
            says = " and ".join([_says(place), *(f"not ({_says(each)})" for each in places[:number])])
            yield (f'set(log.attributes["message"], log.body) where {says} and {_says("log.body")}',)
            yield (f'set(log.cache["first"], {place}) where {says}',)
            yield statement("delete_key(log.attributes, ", quoted(names[number]), f") where {says}")
    yield ('set(log.body, log.cache["first"]) where log.cache["first"] != nil',)


def _says(place: str) -> str:
    return f'{place} != nil and {place} != ""'
