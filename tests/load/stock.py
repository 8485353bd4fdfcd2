"""uvicorn as it comes, for controls: `stock.py JSON` with `tls_cert`, `tls_key`, and any options of `uvicorn.Config`.

With `reload_in_place` it loads new certificate files into its live context, as one would first write it.
"""

import asyncio
import json
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

ANSWER = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


async def reload_in_place(context: ssl.SSLContext, files: tuple[Path, Path]) -> None:
    """Load the files again whenever one has changed."""
    seen = None
    while True:
        with suppress(OSError):
            now = tuple(path.stat().st_mtime_ns for path in files)
            if now != seen:
                with suppress(ssl.SSLError, OSError):
                    context.load_cert_chain(*files)
                seen = now
        await asyncio.sleep(0.05)


async def main(tls_cert: str, tls_key: str, **options: Any) -> None:
    files = Path(tls_cert), Path(tls_key)
    reloads = options.pop("reload_in_place", False)
    options = {"lifespan": "off", "log_config": None, "access_log": False, **options}
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, ssl_certfile=tls_cert, ssl_keyfile=tls_key, **options
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    assert isinstance(config.ssl, ssl.SSLContext)
    following = asyncio.create_task(reload_in_place(config.ssl, files)) if reloads else None
    port = server.servers[0].sockets[0].getsockname()[1]
    print(json.dumps({"message": "ready", "port": port}), flush=True)  # noqa: T201  # for the parent
    await serving
    del following


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
