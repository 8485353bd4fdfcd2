"""Another mutating webhook, called after ours, that adds a container to every Pod of one namespace."""

import base64
import http.server
import json
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from .conftest import Cluster, wait_for

NAME = "zz-second"  # configurations are called in the order of their names


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
        names = [each["name"] for each in request["object"]["spec"]["containers"]]
        if self.server.container["name"] not in names:
            op = {"op": "add", "path": "/spec/containers/-", "value": self.server.container}
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps([op]).encode()).decode()}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    container: dict[str, Any]


class Second:
    """Registered for the namespace of `cluster` for as long as the `with` lasts."""

    def __init__(self, cluster: Cluster, address: str, container: dict[str, Any], folder: Path) -> None:
        command: list[str | Path] = [sys.executable, "-m", "certs", "issue", "--out", folder, "--name", address]
        subprocess.run(command, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._server = _Server((address, 0), _Handler)
        self._server.container = container
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._cluster = cluster
        self._bundle = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
        self._url = f"https://{address}:{self._server.server_port}/"

    def __enter__(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
        webhook = {
            "name": "second.example.com",
            "clientConfig": {"url": self._url, "caBundle": self._bundle},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self._cluster.namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }
        kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
        self._cluster.apply({**kind, "metadata": {"name": NAME}, "webhooks": [webhook]})
        wait_for("the second webhook", self._is_called)

    def _is_called(self) -> bool:
        probe = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}}
        probe["spec"] = {"containers": [{**self._server.container, "name": "app"}]}
        done = self._cluster.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json", text=json.dumps(probe))
        return len(json.loads(done.stdout)["spec"]["containers"]) > 1

    def __exit__(self, *_: object) -> None:
        self._cluster.kubectl("delete", "mutatingwebhookconfiguration", NAME)
        self._server.shutdown()
        self._server.server_close()
