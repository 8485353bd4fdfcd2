"""A server for the tests, as a process: `serving.py CERTIFICATE KEY DRAIN-SECONDS`.

It is the real one, on ports that the system chooses. A review that names `make-the-core-fail` raises an error, whose
text quotes the Pod as an unlucky one would.
"""

import sys
from pathlib import Path

from webhook.config import Config
from webhook.review import Answer, Reviews
from webhook.server import Settings, serve
from webhook.server.main import Core


def core(config: Config) -> Core:
    reviews = Reviews(config)

    def answer(body: bytes | bytearray) -> Answer:
        if b"make-the-core-fail" in body:
            raise KeyError(body.decode())
        return reviews.answer(body)

    return answer


if __name__ == "__main__":
    certificate, key, drain_seconds = sys.argv[1:]
    settings = Settings(
        tls_cert=Path(certificate),
        tls_key=Path(key),
        host="127.0.0.1",
        port=0,
        health_port=0,
        drain_seconds=float(drain_seconds),
    )
    serve(settings, core=core)
