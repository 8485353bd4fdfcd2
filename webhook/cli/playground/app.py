"""The page's server: static files, the terms that it explains, and the answer to what stands on it.

It has no access to files or to a cluster, and takes nothing but what the page sends. It listens on this machine alone.
A page of somebody else's that the browser has open can neither ask it (the type of the body needs leave from us, which
we never give) nor reach it under another name (the host is checked).
"""

from pathlib import Path

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import webhook
from webhook.cli.playground.judged import Question, answer

__all__ = ["EXAMPLES", "HOST", "PAGE", "app", "example"]

HOST = "127.0.0.1"

PAGE = Path(__file__).with_name("page")
EXAMPLES = PAGE / "examples"
_TERMS = Path(webhook.__file__).with_name("reference") / "terms.json"

_MOST_BYTES = 256 * 2**10
_JSON = "application/json"
_HEADERS = [
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }.items()
]

_read = msgspec.json.Decoder(Question).decode
_write = msgspec.json.Encoder().encode


def app() -> FastAPI:
    """The application, ready to be served."""
    made = FastAPI(title="loghook playground", docs_url=None, redoc_url=None, openapi_url=None)
    made.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    made.add_middleware(_Guarded)
    made.add_route("/answer", _answer, methods=["POST"])  # nothing of it is declared: FastAPI's own costs as much again
    made.add_api_route("/terms", _terms, methods=["GET"])
    made.add_api_route("/examples", _examples, methods=["GET"])
    made.mount("/", StaticFiles(directory=PAGE, html=True))
    return made


class _Guarded:
    """Puts what a browser must keep to on every answer."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        await self._inner(scope, receive, guarded)


async def _answer(request: Request) -> Response:
    if request.headers.get("content-type") != _JSON:
        return _wrong(415, f"the body must be {_JSON}")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            return _wrong(413, f"the page takes {_MOST_BYTES // 2**10} KiB, this is more")
    try:
        question = _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _wrong(400, str(error))
    return Response(_write(answer(question)), media_type=_JSON)


async def _terms() -> Response:
    return Response(_TERMS.read_bytes(), media_type=_JSON)


async def _examples() -> Response:
    """The examples by their titles, which are their first lines, in the order of their names."""
    texts = (file.read_text("utf-8") for file in sorted(EXAMPLES.glob("*.yaml")))
    return Response(_write([example(text) for text in texts]), media_type=_JSON)


def example(text: str) -> dict[str, str]:
    """An example: a comment for its title, the manifest, and perhaps a configuration behind a line `# loghook.yaml`."""
    title, _, rest = text.partition("\n")
    manifest, _, config = rest.partition("# loghook.yaml\n")
    return {"title": title.removeprefix("# "), "manifest": manifest, "config": config}


def _wrong(status: int, problem: str) -> Response:
    return Response(_write({"problem": problem}), status, media_type=_JSON)
