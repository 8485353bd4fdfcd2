"""A server for the tests, as a process: `serving.py JSON`, an object of settings by their names.

It is the real one, on ports that the system chooses. A review that names `make-the-core-fail` raises an error, whose
text quotes the Pod as an unlucky one would. Further fields: `config`, a file; `core_seconds`, what each decision takes
more than it does; `keeps_bodies`, whether each review stays in memory; `constants`, values by `module.NAME`, for tests
that cannot wait for the real ones.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from webhook.config.loghook_yaml import Config, ConfigError, load
from webhook.review import Answer, Reviews
from webhook.server import Settings, serve
from webhook.server.files import read
from webhook.server.main import Core

given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "health_port": 0, **json.loads(sys.argv[1])}
core_seconds = given.pop("core_seconds", 0)
keeps_bodies = given.pop("keeps_bodies", False)
kept: list[bytes] = []
for name, value in given.pop("constants", {}).items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module(f"webhook.server.{module}"), constant, value)


def core(config: Config) -> Core:
    reviews = Reviews(config)

    def answer(body: bytes | bytearray) -> Answer:
        if b"make-the-core-fail" in body:
            raise KeyError(body.decode())
        if core_seconds:
            time.sleep(core_seconds)
        if keeps_bodies:
            kept.append(bytes(body))
        return reviews.answer(body)

    return answer


def config_text(file: str) -> str:
    try:
        return read(Path(file), 2**20).decode()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None


if __name__ == "__main__":
    file = given.pop("config", None)
    if file:
        given |= {"config_files": (Path(file),), "read_config": lambda: load(config_text(file), file)}
    for name in ("tls_cert", "tls_key", "client_ca"):
        given[name] = Path(given[name]) if given.get(name) else None
    given["tls_names"] = tuple(given.get("tls_names", ()))
    given["client_names"] = frozenset(given.get("client_names", ()))
    serve(Settings(**given), core=core)
