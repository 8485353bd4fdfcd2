"""The servers that are compared, each a process on one core: `servers.py KIND CPU CERTIFICATE KEY [SIZE]`.

All have the same uvicorn, protocol class, TLS context and garbage collector settings. `floor` reads the request and
answers a constant of SIZE bytes; `naive` is a webhook as one would first write it. Each says its port in a JSON line.
"""

import asyncio
import copy
import json
import os
import sys
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import jsonpatch
import msgspec
import uvloop
from fastapi import FastAPI, Request
from reviews import CONFIG
from reviews import pod as example_pod
from starlette.types import ASGIApp, Receive, Scope, Send

from webhook.config.loghook_yaml import Config, load
from webhook.inject import Injected, Op, inject
from webhook.pod.view import view
from webhook.server import Settings, serve
from webhook.server.listener import Listener, listen
from webhook.server.main import settle
from webhook.server.tls import Files, ServingPair
from webhook.server.watch import Watch


def loghook(certificate: Path, key: Path) -> None:
    """The real one, with its logs and metrics."""
    config = partial(load, CONFIG)
    here = Settings(tls_cert=certificate, tls_key=key, host="127.0.0.1", port=0, health_port=0, read_config=config)
    serve(msgspec.structs.replace(here, drain_seconds=0))


def floor(size: int) -> ASGIApp:
    """An application that does nothing but receive a request and answer `size` bytes."""
    body = b"x" * size
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % size)]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def naive() -> ASGIApp:
    """A FastAPI handler that decodes the review, copies the Pod, changes the copy, and has jsonpatch find the changes.

    What it changes is ready-made: the very values that loghook injects, so that nothing but the shape is compared.
    """
    app = FastAPI()
    ops = _ops()

    @app.post("/mutate")
    async def mutate(request: Request) -> dict[str, Any]:
        review = await request.json()
        pod = review["request"]["object"]
        changed = copy.deepcopy(pod)
        for op in ops:
            _put(changed, op)
        patch = jsonpatch.make_patch(pod, changed).to_string().encode()
        answer = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
        answer["patch"] = b64encode(patch).decode()
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}

    return app


def _ops() -> tuple[Op, ...]:
    outcome = inject(view(example_pod(1)), Config())
    assert isinstance(outcome, Injected)
    return outcome.ops


def _put(pod: dict[str, Any], op: Op) -> None:
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in op.path.split("/")[1:])
    place: Any = pod
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    value = msgspec.to_builtins(op.value)
    if isinstance(place, dict):
        place[last] = value
    else:
        place.insert(len(place) if last == "-" else int(last), value)


async def _run(app: ASGIApp, certificate: Path, key: Path) -> None:
    watch = Watch(lambda _: None, lambda _: None)
    bound = listen("127.0.0.1", 0)
    listener = Listener(app, bound, ServingPair(Files(certificate, key)).context, watch)
    serving = asyncio.create_task(listener.serve())
    await listener.listening.wait()
    settle()
    print(json.dumps({"message": "ready", "port": bound.getsockname()[1]}), flush=True)  # noqa: T201  # for the parent
    await asyncio.gather(serving, watch.sweep())


def main(kind: str, cpu: str, certificate: str, key: str, size: str = "0") -> None:
    """Serve until the end is signalled."""
    os.sched_setaffinity(0, {int(cpu)})
    pair = Path(certificate), Path(key)
    if kind == "loghook":
        loghook(*pair)
    else:
        uvloop.run(_run(floor(int(size)) if kind == "floor" else naive(), *pair))


if __name__ == "__main__":
    main(*sys.argv[1:])
