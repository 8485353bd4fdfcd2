"""A server of S3, moto's: what is in a bucket."""

import gzip
import http.client
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from parts import PATIENCE, Process, answers, part, until
from ports import free_port

__all__ = ["S3Server"]

_ANYBODY = "AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""Who logs in at all may read what others wrote."""


class S3Server:
    """A server at `port` of 127.0.0.1, which takes any key; buckets are in its memory, and gone when it is."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        programs = part("s3", "a server of S3") / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [
            programs / "python",
            programs / "moto_server",
            "-H",
            "127.0.0.1",
            "-p",
            str(self.port),
        ]
        self._process = Process(command, folder / "log")

    def start(self) -> None:
        self._process.start(lambda: answers(self.port))

    def stop(self) -> None:
        self._process.stop()

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        status, said = self._ask("PUT", f"/{bucket}")
        assert status == 200, said

    def objects(self, bucket: str) -> dict[str, list[dict[str, Any]]]:
        """The records of each object of a bucket, by its name."""
        _, listed = self._ask("GET", f"/{bucket}?list-type=2")
        names = [unescape(each) for each in re.findall("<Key>(.*?)</Key>", listed.decode())]
        return {name: _records(self._ask("GET", f"/{bucket}/{name}")[1]) for name in names}

    def wait_for(self, bucket: str, message: str) -> tuple[str, dict[str, Any]]:
        """The record with that message, as soon as it is there, and the name of its object."""
        found: list[tuple[str, dict[str, Any]]] = []

        def come() -> bool:
            all_ = ((name, each) for name, records in self.objects(bucket).items() for each in records)
            found[:] = [(name, each) for name, each in all_ if each.get("message") == message]
            return bool(found)

        assert until(come), self.objects(bucket)
        (one,) = found
        return one

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Authorization": _ANYBODY})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _records(body: bytes) -> list[dict[str, Any]]:
    """What an object of gzipped JSON lines holds."""
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]
