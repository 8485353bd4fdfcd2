"""The last step to an index, for an agent whose program here has no exporter of that type.

Records come by OTLP in JSON, and the body of each, which is the whole document, goes on by the bulk API, by `create`.
"""

import json
from typing import Any

from opensearch_node import OpenSearchNode
from otlp_json import plain
from posts import Posts

__all__ = ["Bridge"]


class Bridge:
    """A receiver beside `node`, which writes to `index`; `refused` has what the node said of documents."""

    def __init__(self, node: OpenSearchNode, index: str) -> None:
        self.refused: list[str] = []
        self._node, self._index = node, index
        self._posts = Posts(self._take)

    def _take(self, body: bytes) -> None:
        documents = _bulk(json.loads(body))
        answer = self._node.ask("POST", f"/{self._index}/_bulk", documents, "application/x-ndjson")
        results = (item["create"] for item in answer["items"])
        self.refused += [json.dumps(each["error"]) for each in results if "error" in each]

    def put_into(self, text: str) -> str:
        """The collector's configuration `text`, whose records come here."""
        config = json.loads(text)
        for pipeline in config["service"]["pipelines"].values():
            pipeline["exporters"] = ["otlp_http/bridge"]
        address = f"http://127.0.0.1:{self._posts.port}"
        config["exporters"] = {"otlp_http/bridge": {"endpoint": address, "encoding": "json", "compression": "none"}}
        return json.dumps(config)

    def stop(self) -> None:
        self._posts.stop()


def _bulk(body: Any) -> str:
    documents = [
        plain(record["body"])
        for resource in body["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    return "".join(f'{{"create":{{}}}}\n{json.dumps(each)}\n' for each in documents)
