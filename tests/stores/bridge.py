"""The last step to an index, for an agent whose program here has no exporter of that type.

Records come by OTLP in JSON, and the body of each, which is the whole document, goes on by the bulk API, by `create`.
"""

import http.server
import json
import threading
from typing import Any

from opensearch_node import OpenSearchNode
from otlp_json import plain

__all__ = ["Bridge"]


class Bridge:
    """A receiver beside `node`, which writes to `index`; `refused` has what the node said of documents."""

    def __init__(self, node: OpenSearchNode, index: str) -> None:
        self.refused: list[str] = []
        bridge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = node.ask("POST", f"/{index}/_bulk", _bulk(body), "application/x-ndjson")
                results = (item["create"] for item in answer["items"])
                bridge.refused += [json.dumps(each["error"]) for each in results if "error" in each]
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def put_into(self, text: str) -> str:
        """The collector's configuration `text`, whose records come here."""
        config = json.loads(text)
        for pipeline in config["service"]["pipelines"].values():
            pipeline["exporters"] = ["otlp_http/bridge"]
        address = f"http://127.0.0.1:{self._port}"
        config["exporters"] = {"otlp_http/bridge": {"endpoint": address, "encoding": "json", "compression": "none"}}
        return json.dumps(config)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _bulk(body: Any) -> str:
    documents = [
        plain(record["body"])
        for resource in body["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    return "".join(f'{{"create":{{}}}}\n{json.dumps(each)}\n' for each in documents)
