"""A bare client of the API, for many threads, and callers that create Pods with it without a pause."""

import http.client
import json
import ssl
import threading
import time
from typing import Any, Self

CALLERS = 25  # connections that the API server keeps to one webhook; more would each pay a handshake


class Client:
    """A bare client of the API, by TLS with a token, or through `kubectl proxy`."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, token: str = "") -> None:
        self.port, self.context, self.token = port, context, token
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def again(self) -> "Client":
        """Another one, for another thread."""
        return Client(self.port, self.context, self.token)

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        with self._lock:
            connection = self._connected()
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None and self.context:
            self._connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=120)
        elif self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        return self._connection

    def must(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        status, answer = self.call(method, path, body, kind)
        assert status in (200, 201, 202), answer
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class Creators:
    """Callers, each with a connection of its own, that create Pods in one namespace which are never scheduled."""

    def __init__(self, client: Client, namespace: str, *, pause: float = 0.1) -> None:
        self.client, self.namespace, self.pause = client, namespace, pause
        self.created = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._create, args=(number,)) for number in range(CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _create(self, number: int) -> None:
        client = self.client.again()
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        count = 0
        while not self._stop.is_set():
            count += 1
            try:
                status, answer = client.call("POST", path, _pod(f"app-{number}-{count}"))
                client.call("DELETE", f"{path}/app-{number}-{count}?gracePeriodSeconds=0")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
            if status == 201 and answer["spec"].get("initContainers"):
                self.created += 1
            else:
                self.failures.append(f"{status}: {answer.get('message')}")
            time.sleep(self.pause)
        client.close()


def _pod(name: str) -> dict[str, Any]:
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    context |= {"runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    metadata = {"name": name, "annotations": {"loghook.dev/paths": "/var/log/app/app.log"}}
    app = {"name": "app", "image": "app", "securityContext": context}
    return {"metadata": metadata, "spec": {"schedulingGates": [{"name": "loghook.dev/never"}], "containers": [app]}}
