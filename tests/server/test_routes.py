"""What answers where: the lists of routes, whole."""

from typing import Any

from starlette.routing import Route

from webhook.server.app import admission_routes, health_app
from webhook.server.listener import Listener
from webhook.server.metrics import Metrics


def routes(app: Any) -> list[tuple[str, set[str]]]:
    """Each route's path and methods. Anything else than a plain route (a mount, a WebSocket) fails."""
    assert all(isinstance(route, Route) for route in app.routes), app.routes
    return [(route.path, route.methods) for route in app.routes]


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that does nothing."""


def test_the_tls_port_takes_reviews_only() -> None:
    expected = [("/mutate", {"POST"}), ("/validate", {"POST"})]
    assert routes(admission_routes(nothing, nothing, lambda _: None)) == expected


def test_the_plain_port_has_probes_and_metrics_only() -> None:
    expected = [("/healthz", {"GET"}), ("/readyz", {"GET"}), ("/metrics", {"GET"})]
    assert routes(health_app(lambda: None, Metrics())) == expected


def test_there_are_no_websockets_and_nobody_can_pose_as_somebody_else() -> None:
    config = Listener(nothing, None, None, None).config  # type: ignore[arg-type]  # nothing is listened to
    config.load()
    assert config.ws_protocol_class is None
    assert not config.proxy_headers
    assert not config.server_header
    assert config.loaded_app is nothing  # no middleware around it, such as one for X-Forwarded-For
