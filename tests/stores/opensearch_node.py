"""A node of OpenSearch: an index of its own for each test, and its documents."""

import http.client
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parts import PATIENCE, Process, jars, until
from ports import free_port

__all__ = ["OpenSearchNode"]


class OpenSearchNode:
    """A running node, which speaks HTTP to everybody."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        source = Path(__file__).parent / "OpenSearchNode.java"
        command = [*jars("opensearch", "a node of OpenSearch"), source, folder, str(self.port)]
        self._process = Process(command, folder / "log")

    def start(self) -> None:
        self._process.start(self._is_up)

    def stop(self) -> None:
        self._process.stop(signal.SIGKILL)

    def _is_up(self) -> bool:
        try:
            return self.ask("GET", "/_cluster/health")["status"] in {"green", "yellow"}
        except (OSError, http.client.HTTPException, KeyError):
            return False

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> dict[str, Any]:
        """What it answers, whatever the status is; `body` is JSON, or text as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": kind})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def make(self, index: str, **properties: Any) -> None:
        """Make an index as an administrator would, with types of fields."""
        made = self.ask("PUT", f"/{index}", {"mappings": {"properties": properties}})
        assert made.get("acknowledged"), made

    def mapping(self, index: str) -> dict[str, Any]:
        """The types of the fields of an index."""
        found: dict[str, Any] = self.ask("GET", f"/{index}/_mapping")[index]["mappings"]["properties"]
        return found

    def documents(self, index: str) -> list[dict[str, Any]]:
        """What is in an index now."""
        self.ask("POST", f"/{index}/_refresh")
        found = self.ask("GET", f"/{index}/_search", {"size": 1000, "sort": ["_doc"]})
        return [hit["_source"] for hit in found.get("hits", {}).get("hits", [])]

    def wait_for(self, index: str, are_there: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The documents of an index, as soon as `are_there` is content with them."""
        found: list[dict[str, Any]] = []

        def come() -> bool:
            found[:] = self.documents(index)
            return are_there(found)

        assert until(come), found
        return found
