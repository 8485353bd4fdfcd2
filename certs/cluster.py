"""The API server: what is there is read, the Secret and the caBundles are written, changes are waited for.

**Who may overwrite what.** Any number of controllers may run, and no lease is needed. The Secret is written with the
resourceVersion that was read, so of two writers one is told of a conflict and looks again. A caBundle is patched with
the resourceVersion of its configuration, and the configuration is read *before* the Secret. So whoever was delayed
between reading and writing cannot put an older bundle over a newer one: the newer one is published after the Secret
has it, hence after the delayed one's reading, and that makes the delayed one's patch a conflict.

**Whose the field is.** Whoever applies on the server's side (Helm 4, GitOps tools) may not change a field that another
manager owns, and a caBundle of one's own is such a change. So the controller gives up the ownership of what it has
written; and a configuration that says that its caBundle is given by others, it leaves alone.

**Watching.** A watch is ended by the server once a minute and by us soon after; it carries no state, so its end or a
410 just means to look again.
"""

import base64
import binascii
import contextlib
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from certs.answers import NOT_FOUND, ClusterError, PatientClient, object_in, safe, time_of, told
from certs.rotate import Found, Store

__all__ = ["GIVEN", "ROTATE", "Cluster", "Kind", "Observation", "Place", "connect"]

ROTATE = "loghook.dev/rotate"
"""The annotation on the Secret that asks for a rotation: `leaf` or `ca`."""

GIVEN = "loghook.dev/ca-bundle"
"""The annotation that says whose a webhook configuration's caBundle is: with `provided` it is not ours to write."""

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
WATCH_SECONDS = 60
_WATCH_GRACE_SECONDS = 15.0

_CERTIFICATE = "cert-manager.io/certificate-name"
"""What cert-manager writes on the Secrets that it makes (cert-manager, pkg/apis/certmanager/v1/types.go)."""

_MANAGER = "loghook-certs"
_LABELS = {"app.kubernetes.io/name": "loghook", "app.kubernetes.io/managed-by": _MANAGER}

Kind: TypeAlias = Literal["mutating", "validating"]
Answer: TypeAlias = tuple[Any, datetime]


@dataclass(frozen=True)
class Place:
    """The names of what the controller looks after. Without `owner` the Secret belongs to nobody."""

    namespace: str
    secret: str
    configurations: tuple[tuple[Kind, str], ...]
    owner: str = ""


@dataclass(frozen=True)
class Observation:
    """What was there at `now`, the API server's time.

    `mark` changes whenever the Secret or the webhooks of a configuration do; `missing` names the configurations that do
    not exist. The rest is for `Cluster` itself.
    """

    found: Found
    now: datetime
    mark: Hashable
    missing: tuple[str, ...]
    secret: Mapping[str, Any] | None = field(repr=False)
    configurations: tuple[tuple[Kind, Mapping[str, Any]], ...] = field(repr=False)
    owner: Mapping[str, str] | None
    is_owned: bool


def connect() -> client.ApiClient:
    """Return a client for the cluster of KUBECONFIG, else for the one that this Pod runs in.

    Raises `ClusterError` where there is none. Nothing is sent twice behind our back: each retry reads anew.
    """
    settings = client.Configuration()
    try:
        files = os.environ.get("KUBECONFIG")
        if files or "KUBERNETES_SERVICE_HOST" not in os.environ:
            config.load_kube_config(config_file=files, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        raise ClusterError(f"no access to a cluster: {safe(str(error))}", "refused") from None
    except Exception as error:  # noqa: BLE001  # of a file that is none, the library lets out what its parsers raise
        text = f"no access to a cluster: KUBECONFIG cannot be read ({type(error).__name__})"
        raise ClusterError(text, "refused") from None
    settings.retries = False
    settings.connection_pool_maxsize = 16
    return PatientClient(settings)


class Cluster:
    """The Secret and the webhook configurations of one `Place`. Its methods raise `ClusterError` and nothing else."""

    def __init__(self, api_client: client.ApiClient, place: Place) -> None:
        self.place = place
        self._core = client.CoreV1Api(api_client)
        self._apps = client.AppsV1Api(api_client)
        self._registration = client.AdmissionregistrationV1Api(api_client)

    def observe(self) -> Observation:
        """Read everything, the configurations first and the Secret last, for the reason that the module gives."""
        read = [(kind, name, self._configuration(kind, name)) for kind, name in self.place.configurations]
        there = tuple((kind, found) for kind, _, found in read if found is not None and not _is_given(found))
        owner = self._owner()
        secret, now = self._secret()
        bundles = tuple(_bundle(webhook) for _, each in there for webhook in _webhooks(each))
        metadata = secret["metadata"] if secret else {}
        mark = (
            (metadata.get("uid"), metadata.get("resourceVersion")),
            tuple(found and _mark(found) for _, _, found in read),
            bundles,
        )
        return Observation(
            found=Found(_data(secret), bundles, (metadata.get("annotations") or {}).get(ROTATE, "")),
            now=now,
            mark=mark,
            missing=tuple(name for _, name, found in read if found is None),
            secret=secret,
            configurations=there,
            owner=owner,
            is_owned=owner is None or owner in (metadata.get("ownerReferences") or []),
        )

    def store(self, seen: Observation, step: Store) -> None:
        """Create the Secret, or change the one that was seen; a conflict where it has been changed since."""
        if seen.secret and (not seen.secret.get("immutable") or step.data == _data(seen.secret)):
            self._change(seen, step)
        else:
            self._create(seen, step)

    def adopt(self, seen: Observation) -> None:
        """Give the Secret that was seen its owner, so that it goes when the owner goes. Its data stay as they are."""
        self._change(seen, Store({}, answered=False, why=()))

    def _change(self, seen: Observation, step: Store) -> None:
        body = _changes(seen.secret["metadata"] if seen.secret else {}, seen, step)
        patch = self._core.patch_namespaced_secret
        self._ask("patch the Secret", patch, self.place.secret, self.place.namespace, body, field_manager=_MANAGER)

    def clear(self) -> str:
        """Delete the Secret if cert-manager made it, which leaves it behind; return what became of it."""
        secret, _ = self._secret()
        if secret is None:
            return "is not there"
        if _CERTIFICATE not in (secret["metadata"].get("annotations") or {}):
            return "kept, since cert-manager did not make it"
        self._delete(secret)
        return "deleted"

    def publish(self, seen: Observation, bundle: bytes) -> list[str]:
        """Make `bundle` the caBundle of every webhook seen with another one; return the configurations changed."""
        changed = []
        for kind, configuration in seen.configurations:
            if any(_bundle(webhook) != bundle for webhook in _webhooks(configuration)):
                self._patch(kind, configuration, _patched(configuration, bundle))
                changed.append(configuration["metadata"]["name"])
        return changed

    def disown(self, seen: Observation) -> bool:
        """Give up the ownership of every caBundle that was seen as ours; return whether there was one."""
        owned = [(kind, found) for kind, found in seen.configurations if len(_others(found)) < len(_managed(found))]
        for kind, found in owned:
            version = found["metadata"]["resourceVersion"]
            self._patch(kind, found, {"metadata": {"resourceVersion": version, "managedFields": _others(found)}})
        return bool(owned)

    def _patch(self, kind: Kind, configuration: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        patches: dict[Kind, Callable[..., Any]] = {
            "mutating": self._registration.patch_mutating_webhook_configuration,
            "validating": self._registration.patch_validating_webhook_configuration,
        }
        name = configuration["metadata"]["name"]
        self._ask(f"patch {name}", patches[kind], name, patch, field_manager=_MANAGER)

    def watch(self, kind: Kind | None, name: str, changed: Callable[[], None]) -> None:
        """Call `changed` at each change of a configuration, or (without a kind) of the Secret, for about a minute.

        It is called at the start too. Returns when the server ends the watch; raises `ClusterError` when it fails.
        """
        lists: dict[Kind | None, Callable[..., Any]] = {
            "mutating": self._registration.list_mutating_webhook_configuration,
            "validating": self._registration.list_validating_webhook_configuration,
        }
        ask = lists.get(kind, self._core.list_namespaced_secret)
        with told(f"watch {name}"):
            response = ask(
                *(() if kind else (self.place.namespace,)),
                field_selector=f"metadata.name={name}",
                watch=True,
                timeout_seconds=WATCH_SECONDS,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, WATCH_SECONDS + _WATCH_GRACE_SECONDS),
            )
            try:
                for _ in response.stream():
                    changed()
            finally:
                response.close()  # with a watch there is no end of the answer after which it could be used again

    def _configuration(self, kind: Kind, name: str) -> Any:
        reads: dict[Kind, Callable[..., Any]] = {
            "mutating": self._registration.read_mutating_webhook_configuration,
            "validating": self._registration.read_validating_webhook_configuration,
        }
        return self._ask(f"read {name}", reads[kind], name, may_lack=True)[0]

    def _secret(self) -> Answer:
        read = self._core.read_namespaced_secret
        return self._ask("read the Secret", read, self.place.secret, self.place.namespace, may_lack=True)

    def _owner(self) -> dict[str, str] | None:
        """Return a reference to the Deployment that owns the Secret; None where there is none, or it is going."""
        if not self.place.owner:
            return None
        read = self._apps.read_namespaced_deployment
        found, _ = self._ask("read the Deployment", read, self.place.owner, self.place.namespace, may_lack=True)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": self.place.owner,
            "uid": found["metadata"]["uid"],
        }

    def _create(self, seen: Observation, step: Store) -> None:
        """Create the Secret, in place of one that is immutable: there is no other way to change that.

        Not while its owner is missing: an uninstalled release must not leave it behind.
        """
        if self.place.owner and seen.owner is None:
            text = f"the Deployment {self.place.owner} is not there, and without it the Secret is not made"
            raise ClusterError(text, "refused")
        if seen.secret:
            self._delete(seen.secret)
        kept = (seen.secret or {}).get("metadata", {})
        annotations = {key: value for key, value in (kept.get("annotations") or {}).items() if key != ROTATE}
        metadata = {
            "name": self.place.secret,
            "namespace": self.place.namespace,
            "labels": {**_LABELS, **(kept.get("labels") or {})},
            "annotations": annotations,
            "ownerReferences": [*(kept.get("ownerReferences") or ()), *_new_owner(kept, seen)],
        }
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
        body |= {"metadata": metadata, "data": _encoded(step.data)}
        create = self._core.create_namespaced_secret
        self._ask("create the Secret", create, self.place.namespace, body, field_manager=_MANAGER)

    def _delete(self, secret: Mapping[str, Any]) -> None:
        """Delete the Secret, if it is still the one that was seen."""
        metadata = secret["metadata"]
        preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        delete = self._core.delete_namespaced_secret
        self._ask("delete the Secret", delete, self.place.secret, self.place.namespace, body=body)

    def _ask(self, what: str, call: Callable[..., Any], *words: Any, may_lack: bool = False, **more: Any) -> Answer:
        """Return the decoded answer, and the server's time; with `may_lack` None stands for what does not exist."""
        timeout = CONNECT_SECONDS, READ_SECONDS
        with told(what):
            try:
                response = call(*words, **more, _preload_content=False, _request_timeout=timeout)
            except ApiException as error:
                if error.status == NOT_FOUND and may_lack:
                    return None, time_of(error.headers)
                raise
            return object_in(what, response), time_of(response.headers)


def _data(secret: Mapping[str, Any] | None) -> dict[str, bytes] | None:
    if secret is None:
        return None
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _webhooks(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    return configuration.get("webhooks") or []


def _is_given(configuration: Mapping[str, Any]) -> bool:
    return (configuration["metadata"].get("annotations") or {}).get(GIVEN) == "provided"


def _managed(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    return configuration["metadata"].get("managedFields") or []


def _others(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return who owns which fields, without ourselves. Never nothing, by which the API server would forget them all."""
    return [each for each in _managed(configuration) if each.get("manager") != _MANAGER] or _managed(configuration)


def _bundle(webhook: Mapping[str, Any]) -> bytes:
    with contextlib.suppress(binascii.Error):
        return base64.b64decode(webhook["clientConfig"].get("caBundle") or "")
    return b""


def _mark(configuration: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what changes with the webhooks of a configuration, but not with its labels."""
    metadata = configuration["metadata"]
    return metadata.get("uid"), metadata.get("generation")


def _patched(configuration: Mapping[str, Any], bundle: bytes) -> dict[str, Any]:
    """Return a strategic merge patch: webhooks are known by their names, and all are named so that the order stays."""
    value = base64.b64encode(bundle).decode()
    webhooks = [{"name": each["name"], "clientConfig": {"caBundle": value}} for each in _webhooks(configuration)]
    return {"metadata": {"resourceVersion": configuration["metadata"]["resourceVersion"]}, "webhooks": webhooks}


def _changes(metadata: Mapping[str, Any], seen: Observation, step: Store) -> dict[str, Any]:
    """Return a strategic merge patch for the Secret that was seen. Whatever is not ours in it stays as it is."""
    changed: dict[str, Any] = {"resourceVersion": metadata["resourceVersion"]}
    if step.answered:
        changed["annotations"] = {ROTATE: None}
    if owners := [*_old_owners(metadata, seen.owner), *_new_owner(metadata, seen)]:
        changed["ownerReferences"] = owners
    return {"metadata": changed, "data": _encoded(step.data)}


def _new_owner(metadata: Mapping[str, Any], seen: Observation) -> list[Mapping[str, str]]:
    references = metadata.get("ownerReferences") or []
    return [] if seen.owner is None or seen.owner in references else [seen.owner]


def _old_owners(metadata: Mapping[str, Any], owner: Mapping[str, str] | None) -> Iterator[dict[str, str]]:
    """Take away the Deployments of our owner's name that were there before it; references are known by their uid."""
    for each in metadata.get("ownerReferences") or []:
        if owner and (each["kind"], each["name"]) == (owner["kind"], owner["name"]) and each["uid"] != owner["uid"]:
            yield {"$patch": "delete", "uid": each["uid"]}


def _encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
