"""The few calls of the API server that commands make: what is there is read, and a Pod created as a dry run."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import portforward, stream
from websocket import WebSocketException

from webhook.diagnostics import escape, printable

__all__ = ["Api", "ApiError", "connect"]

_PATIENCE = (3.0, 30.0)
"""Seconds to connect, and to answer: a dry run may have to wait for every webhook of the cluster."""

_MOST_SECONDS = 2_000_000.0
"""The longest that a socket can wait (the milliseconds are a C int); the client takes no None beside a number."""

_NOT_FOUND, _FORBIDDEN, _BAD = 404, 403, 400
_PAGE = "500"  # objects of a list at once, as kubectl asks for
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_ERROR_CHANNEL = 3  # k8s.io/apimachinery/pkg/util/remotecommand
_SHOWN = 600  # characters of the server's sentence


class ApiError(Exception):
    """The API server did not do what it was asked. Its text is one line that says what and why."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_missing(self) -> bool:
        """Whether the object does not exist."""
        return self.status == _NOT_FOUND

    @property
    def is_forbidden(self) -> bool:
        """Whether whoever asks has no right to it."""
        return self.status == _FORBIDDEN


def connect(context: str | None = None) -> "Api":
    """Return a client of the cluster of KUBECONFIG, else of the one that this Pod runs in. Raises ApiError.

    `context` names one of KUBECONFIG's; without, its current one.
    """
    settings = client.Configuration()
    files = _kubeconfig(context)
    try:
        if files:
            _refuse_missing(files)
            config.load_kube_config(config_file=files, context=context, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except _UNUSABLE as error:
        of_what = f" by the kubeconfig {escape(files, _SHOWN)}" if files else ""
        why = escape(" ".join(str(error).split()), _SHOWN)
        raise ApiError(f"no access to a cluster{of_what}: {why}") from None
    if not settings.verify_ssl:  # it is the kubeconfig that says so, and a warning at each call tells nobody more
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    settings.retries = False
    return Api(client.ApiClient(settings), _namespace(files, context))


_UNUSABLE = (config.ConfigException, OSError, ValueError, TypeError, AttributeError, LookupError, yaml.YAMLError)
"""What the library raises of a kubeconfig: it looks for few mistakes, and the rest are what Python says of them."""


def _kubeconfig(context: str | None) -> str:
    """The files of the kubeconfig that holds, as KUBECONFIG names them; empty where it is this Pod's own access."""
    named = os.environ.get("KUBECONFIG")
    if named or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return named or "~/.kube/config"
    return ""


def _refuse_missing(files: str) -> None:
    """Raise ApiError where none of `files` is there; the library would not say for which it looked."""
    if not any(Path(file).expanduser().exists() for file in files.split(os.pathsep) if file):
        raise ApiError(f"no access to a cluster: there is no {escape(files, _SHOWN)}; name a kubeconfig by KUBECONFIG")


def _namespace(files: str, context: str | None) -> str:
    """The namespace that holds where none is typed: that of the context, or of this Pod."""
    if not files:
        with contextlib.suppress(OSError):
            return _OWN_NAMESPACE.read_text("ascii").strip()
        return "default"
    with contextlib.suppress(*_UNUSABLE):
        every, current = config.list_kube_config_contexts(files)
        chosen = next((each for each in every if each["name"] == context), current)
        return str(chosen["context"].get("namespace") or "default")
    return "default"


class Api:
    """The calls. Objects are raw JSON, as the server sent it; all methods raise ApiError.

    `namespace` is the one that holds where none is said.
    """

    def __init__(self, api_client: client.ApiClient, namespace: str = "default") -> None:
        self.namespace = namespace
        self._client = api_client
        self._core = client.CoreV1Api(api_client)
        self._registration = client.AdmissionregistrationV1Api(api_client)

    def read(self, path: str, **query: str) -> Any:
        """Return what the API has at `path`, of whatever kind."""
        return _asked(f"read {path}", self._get, path, query)

    def listed(self, path: str, **query: str) -> Iterator[Any]:
        """Each object of the list at `path`, a few hundred at a time."""
        more = {"limit": _PAGE, **query}
        while True:
            found = self.read(path, **more)
            yield from found.get("items") or ()
            following = (found.get("metadata") or {}).get("continue")
            if not following:
                return
            more["continue"] = following

    def log_lines(self, namespace: str, pod: str, container: str, **words: int) -> Iterator[bytes]:
        """Each line that `container` wrote, as it is.

        `words` are those of the API: `tail_lines`, `since_seconds`, and `follow` for those that come until it ends.
        """
        what = f"read the log of {namespace}/{pod}, container {container}"
        patience = (_PATIENCE[0], _MOST_SECONDS) if words.get("follow") else _PATIENCE
        try:
            read = self._core.read_namespaced_pod_log
            response = read(
                pod, namespace, container=container, **words, _preload_content=False, _request_timeout=patience
            )
            yield from _lines(response)
        except ApiException as error:
            raise ApiError(
                f"cannot {what}: HTTP {error.status}{_sentence(error.body)}", int(error.status or 0)
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(f"cannot {what}: the API server does not answer ({_why(error)})") from None

    def executed(self, namespace: str, pod: str, container: str, command: list[str]) -> str:
        """What `command` writes in a container that runs; it is not an error where it says that it failed."""
        connect = self._core.connect_get_namespaced_pod_exec
        words = {"container": container, "command": command, "stdout": True, "stderr": False}
        try:
            running = stream(connect, pod, namespace, **words, _preload_content=False)
            running.run_forever(timeout=_PATIENCE[1])
            written, ending = str(running.read_stdout()), running.read_channel(_ERROR_CHANNEL)
            running.sock.shutdown()  # its own `close` leaves the socket open where the other side has ended first
        except (ApiException, WebSocketException, OSError) as error:
            raise ApiError(f"cannot exec into {namespace}/{pod}, {container}: {escape(str(error), _SHOWN)}") from None
        if not _has_run(ending):
            raise ApiError(f"cannot exec into {namespace}/{pod}, {container}{_sentence(ending)}")
        return written

    def add_ephemeral(self, namespace: str, pod: str, container: dict[str, Any]) -> None:
        """Put an ephemeral `container` into a Pod, where its entry stays until the Pod ends."""
        patch = self._core.patch_namespaced_pod_ephemeralcontainers
        body = {"spec": {"ephemeralContainers": [container]}}
        what = f"put an ephemeral container into {namespace}/{pod}"
        _asked(what, patch, pod, namespace, body, _content_type="application/strategic-merge-patch+json")

    def forwarded(self, namespace: str, pod: str, port: int) -> Any:
        """Return a connection to `port` of a Pod, as a socket, through the API server."""
        connect = self._core.connect_get_namespaced_pod_portforward
        try:
            return portforward(connect, pod, namespace, ports=str(port)).socket(port)
        except (ApiException, WebSocketException, OSError) as error:
            raise ApiError(f"cannot forward a port of {namespace}/{pod}: {escape(str(error), _SHOWN)}") from None

    def may(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether whoever asks may do `verb`; nothing is stored by asking."""
        about = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        review |= {"spec": {"resourceAttributes": about}}  # type: ignore[dict-item]  # it is JSON
        create = client.AuthorizationV1Api(self._client).create_self_subject_access_review
        found = _asked(f"ask whether {verb} {resource} is allowed", create, review)
        return bool((found.get("status") or {}).get("allowed"))

    def _get(self, path: str, query: dict[str, str], *, _preload_content: bool, _request_timeout: Any) -> Any:
        """As the generated calls do, which are told to leave the answer as it is."""
        assert not _preload_content  # noqa: S101 - it is for those
        words = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        response = self._client.call_api(*words, _request_timeout=_request_timeout)
        response.read()
        if response.status >= _BAD:
            raise ApiException(http_resp=response)
        return response

    def mutating_configuration(self, name: str) -> Any:
        """Return the MutatingWebhookConfiguration of this name."""
        read = self._registration.read_mutating_webhook_configuration
        return _asked(f"read the MutatingWebhookConfiguration {name}", read, name)

    def validating_configuration(self, name: str) -> Any:
        """Return the ValidatingWebhookConfiguration of this name."""
        read = self._registration.read_validating_webhook_configuration
        return _asked(f"read the ValidatingWebhookConfiguration {name}", read, name)

    def service(self, namespace: str, name: str) -> Any:
        """Return the Service of this name."""
        return _asked(f"read the Service {namespace}/{name}", self._core.read_namespaced_service, name, namespace)

    def try_pod(self, namespace: str, pod: dict[str, Any]) -> Any:
        """Return what would be stored if `pod` were created in `namespace`; nothing is."""
        what = f"create a Pod in {namespace} (as a dry run)"
        return _asked(what, self._core.create_namespaced_pod, namespace, pod, dry_run="All")

    def try_template(self, namespace: str, template: dict[str, Any]) -> list[str]:
        """Return the warnings that come with creating the PodTemplate in `namespace`; it is not stored."""
        what = f"create a PodTemplate in {namespace} (as a dry run)"
        create = self._core.create_namespaced_pod_template
        return list(_response(what, create, namespace, template, dry_run="All").headers.getlist("Warning"))


def _has_run(ending: str) -> bool:
    """Whether a command has run at all, by the Status that comes at its end (k8s.io/client-go/tools/remotecommand)."""
    try:
        status = json.loads(ending)
    except ValueError:
        return False
    return bool(status.get("status") == "Success" or status.get("reason") == "NonZeroExitCode")


def _lines(response: Any) -> Iterator[bytes]:
    """The lines of a response that comes bit by bit."""
    rest = b""
    try:
        for piece in response.stream(amt=None, decode_content=True):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest
    finally:
        response.close()


def _asked(what: str, call: Callable[..., Any], *words: Any, **more: Any) -> Any:
    try:
        return json.loads(_response(what, call, *words, **more).data)
    except ValueError:
        raise ApiError(f"cannot {what}: what answers is no Kubernetes API") from None


def _response(what: str, call: Callable[..., Any], *words: Any, **more: Any) -> Any:
    try:
        response = call(*words, **more, _preload_content=False, _request_timeout=_PATIENCE)
        _ = response.data  # read here, where a connection that breaks is told
    except ApiException as error:
        raise ApiError(f"cannot {what}: HTTP {error.status}{_sentence(error.body)}", int(error.status or 0)) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ApiError(f"cannot {what}: the API server does not answer ({_why(error)})") from None
    return response


def _why(error: Exception) -> str:
    """What the system says of a connection that failed, e.g. `Connection refused`; else what urllib3 calls it."""
    reason = getattr(error, "reason", None) or error
    inner = next((each for each in (reason.__cause__, *reason.args) if isinstance(each, OSError)), None)
    return getattr(inner, "verify_message", None) or (inner and inner.strerror) or type(reason).__name__


def _sentence(body: object) -> str:
    """Return what a Status says."""
    try:
        message = json.loads(body)["message"] if isinstance(body, str | bytes) else ""
    except (ValueError, TypeError, KeyError):
        return ""
    return f": {printable(message, _SHOWN)}" if isinstance(message, str) and message else ""
