"""The few calls of the API server that a verification makes: what is there is read, and a Pod created as a dry run."""

import json
import os
from collections.abc import Callable
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from webhook.diagnostics import escape

__all__ = ["Api", "ApiError", "connect"]

_PATIENCE = (3.0, 30.0)
"""Seconds to connect, and to answer: a dry run may have to wait for every webhook of the cluster."""

_NOT_FOUND = 404
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


def connect() -> "Api":
    """Return a client of the cluster of KUBECONFIG, else of the one that this Pod runs in. Raises ApiError."""
    settings = client.Configuration()
    try:
        files = os.environ.get("KUBECONFIG")
        if files or "KUBERNETES_SERVICE_HOST" not in os.environ:
            config.load_kube_config(config_file=files, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        raise ApiError(f"no access to a cluster: {escape(str(error), _SHOWN)}") from None
    settings.retries = False
    return Api(client.ApiClient(settings))


class Api:
    """The calls. Objects are raw JSON, as the server sent it; all methods raise ApiError."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._core = client.CoreV1Api(api_client)
        self._registration = client.AdmissionregistrationV1Api(api_client)

    def mutating_configuration(self, name: str) -> Any:
        """Return the MutatingWebhookConfiguration of this name."""
        read = self._registration.read_mutating_webhook_configuration
        return _asked(f"read the MutatingWebhookConfiguration {name}", read, name)

    def service(self, namespace: str, name: str) -> Any:
        """Return the Service of this name."""
        return _asked(f"read the Service {namespace}/{name}", self._core.read_namespaced_service, name, namespace)

    def try_pod(self, namespace: str, pod: dict[str, Any]) -> Any:
        """Return what would be stored if `pod` were created in `namespace`; nothing is."""
        what = f"create a Pod in {namespace} (as a dry run)"
        return _asked(what, self._core.create_namespaced_pod, namespace, pod, dry_run="All")


def _asked(what: str, call: Callable[..., Any], *words: Any, **more: Any) -> Any:
    try:
        response = call(*words, **more, _preload_content=False, _request_timeout=_PATIENCE)
        return json.loads(response.data)
    except ApiException as error:
        raise ApiError(f"cannot {what}: HTTP {error.status}{_sentence(error.body)}", int(error.status or 0)) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        name = type(getattr(error, "reason", None) or error).__name__
        raise ApiError(f"cannot {what}: the API server does not answer ({name})") from None
    except ValueError:
        raise ApiError(f"cannot {what}: what answers is no Kubernetes API") from None


def _sentence(body: object) -> str:
    """Return what a Status says."""
    try:
        message = json.loads(body)["message"] if isinstance(body, str | bytes) else ""
    except (ValueError, TypeError, KeyError):
        return ""
    return f": {escape(message, _SHOWN)}" if isinstance(message, str) and message else ""
