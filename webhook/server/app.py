"""The routes: what answers where. No documentation pages, no schema, no echo of what was sent."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from webhook.server.admission import MUTATE, VALIDATE, error_body, front
from webhook.server.metrics import Metrics

__all__ = ["admission_app", "health_app"]


def admission_app(mutation: ASGIApp, validation: ASGIApp, refused: Callable[[int], None]) -> ASGIApp:
    """The application of the TLS port: POST /mutate, POST /validate, and nothing else.

    `refused` is told each error's status.
    """
    return front(mutation, validation, admission_routes(mutation, validation, refused))


def admission_routes(mutation: ASGIApp, validation: ASGIApp, refused: Callable[[int], None]) -> FastAPI:
    """FastAPI's part of it: all requests that are no reviews end here, as 404 or 405."""
    app = _bare(refused)
    app.router.routes.append(Route(MUTATE, mutation, methods=["POST"]))
    app.router.routes.append(Route(VALIDATE, validation, methods=["POST"]))
    return app


def health_app(hindrance: Callable[[], str | None], metrics: Metrics) -> FastAPI:
    """The application of the plain port. `hindrance` says why no reviews should be sent here, None if they should."""
    app = _bare(lambda _: None)

    @app.get("/healthz")
    async def healthz() -> Response:
        """The event loop runs."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        """Reviews are answered, and will go on being so."""
        problem = hindrance()
        return PlainTextResponse("ok\n") if problem is None else PlainTextResponse(f"{problem}\n", 503)

    @app.get("/metrics")
    async def exposition() -> Response:
        """The metrics, in Prometheus' text format."""
        return Response(metrics.text(), headers={"content-type": metrics.content_type})

    return app


def _bare(refused: Callable[[int], None]) -> FastAPI:
    async def show(request: Request, error: Exception) -> Response:
        """An error's status in our own words, whatever was asked for."""
        del request
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        refused(status)
        body = error_body(HTTPStatus(status).phrase.lower())
        return Response(body, status, headers, media_type="application/json")

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, show)
    app.add_exception_handler(Exception, show)
    return app
