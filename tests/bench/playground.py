"""The playground's answer to a key, against one `inject()` of the same Pod over HTTP, by the same server.

Both answer over one kept connection, in turns; the least of many rounds counts, since other work on the machine only
adds. The server is a process of its own: two threads of one would wait for each other.
"""

import gc
import http.client
import json
import multiprocessing
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

from webhook.cli import configuration, manifests
from webhook.cli.playground.app import EXAMPLES, HOST, app, example
from webhook.config.loghook_yaml import Config
from webhook.inject import inject
from webhook.pod.view import Pod

MOST = 5.0
"""How many times as long as the baseline an answer may take."""

_ROUNDS = 60


def main() -> None:
    """Print a line for each example."""
    with _served() as connection:
        for name, shown in _examples().items():
            question = json.dumps({"manifest": shown["manifest"], "config": shown["config"]})
            paths = ("/answer", f"/inject/{name}")
            rounds = [[_seconds(connection, path, question) for path in paths] for _ in range(_ROUNDS)]
            answer, one = map(min, zip(*rounds, strict=True))
            ratio = f"{answer / one:4.1f} times inject() (at most {MOST:g})"
            sys.stdout.write(f"{name:12} {answer * 1e3:5.1f} ms, {ratio}\n")


def _examples() -> Mapping[str, Mapping[str, str]]:
    return {file.stem: example(file.read_text("utf-8")) for file in sorted(EXAMPLES.glob("*.yaml"))}


def _serve(listening: socket.socket) -> None:
    made = FastAPI()
    pods = {name: _pod(shown) for name, shown in _examples().items()}

    async def answer(name: str, request: Request) -> Response:
        await request.body()
        outcome = inject(*pods[name], "default")
        return Response(getattr(outcome, "patch", b""), media_type="application/json")

    made.add_api_route("/inject/{name}", answer, methods=["POST"])
    made.mount("/", app())
    gc.freeze()  # as the playground does
    uvicorn.Server(uvicorn.Config(made, log_level="warning", lifespan="off")).run([listening])


def _pod(shown: Mapping[str, str]) -> tuple[Pod, Config]:
    """The first Pod of an example, and the configuration that holds for it."""
    config = configuration.parse(shown["config"].encode(), Path("loghook.yaml")) if shown["config"] else Config()
    parts = [part for manifest in manifests.parse("", shown["manifest"]) for part in manifest.parts()]
    return parts[0].view(), config


@contextmanager
def _served() -> Iterator[http.client.HTTPConnection]:
    listening = socket.create_server((HOST, 0))
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(listening,))
    server.start()
    try:
        yield http.client.HTTPConnection(HOST, listening.getsockname()[1])
    finally:
        server.terminate()
        server.join()


def _seconds(connection: http.client.HTTPConnection, path: str, body: str) -> float:
    began = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    assert response.status == http.client.OK, path
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
