"""A typed, partial, read-only view of a Pod: just the fields that decide what is injected.

The raw Pod stays the truth: nothing is ever written back from here, so what this view does not know cannot be lost.
Every list and map may be missing or null, because mutating webhooks run before validation.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from webhook.pod.nodes import Affinity, Os
from webhook.pod.partial import Partial

__all__ = [
    "OURS",
    "Container",
    "EnvVar",
    "Metadata",
    "Owner",
    "Pod",
    "PodError",
    "Present",
    "Quantities",
    "Quantity",
    "Resources",
    "Spec",
    "Volume",
    "VolumeMount",
    "absolute",
    "view",
]


OURS = "loghook"
"""What the names of all containers and volumes of ours begin with."""


class Owner(Partial, frozen=True):
    """An owner reference."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Partial, frozen=True):
    """The object metadata."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    owner_references: list[Owner] | None = None


class Present(Partial, frozen=True):
    """Some object whose fields do not matter."""


class FieldRef(Partial, frozen=True):
    """A field of the Pod."""

    field_path: str = ""
    api_version: str | None = None


class SecretKeyRef(Partial, frozen=True):
    """A key of a Secret."""

    name: str = ""
    key: str = ""
    optional: bool | None = None


class FileKeyRef(Partial, frozen=True):
    """A value in a file of an emptyDir, which the container need not mount."""

    volume_name: str = ""


class ValueFrom(Partial, frozen=True):
    """Where a variable's value comes from; only what our own containers have, and volumes, are looked at."""

    field_ref: FieldRef | None = None
    secret_key_ref: SecretKeyRef | None = None
    file_key_ref: FileKeyRef | None = None


class EnvVar(Partial, frozen=True):
    """An environment variable."""

    name: str = ""
    value: str | None = None
    value_from: ValueFrom | None = None


class VolumeMount(Partial, frozen=True):
    """A volume mount."""

    name: str = ""
    mount_path: str = ""
    sub_path: str | None = None
    sub_path_expr: str | None = None
    read_only: bool | None = None

    @property
    def path(self) -> str:
        """The mount path as the kubelet and the kernel read it."""
        return absolute(self.mount_path)


def absolute(path: str) -> str:
    """`path` in its normal form; a relative one counts from `/`, as the kubelet has it (makeMounts)."""
    if path[:1] == "/" and "//" not in path and "/." not in path:
        return path if path[-1] != "/" else path[:-1] or "/"
    return posixpath.normpath("/" + path.lstrip("/"))


class SecurityContext(Partial, frozen=True):
    """A security context, of a container or of the Pod."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    windows_options: Present | None = None


Quantity = str | int | float
"""A quantity as it is written, which nobody may have validated yet."""

Quantities = dict[str, Quantity]


class Resources(Partial, frozen=True):
    """Requests and limits, of a container or of the Pod."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class Container(Partial, frozen=True):
    """A container or init container."""

    name: str = ""
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str | None = None
    env: list[EnvVar] | None = None
    env_from: list[Present] | None = None
    volume_mounts: list[VolumeMount] | None = None
    resources: Resources | None = None
    security_context: SecurityContext | None = None
    restart_policy: str | None = None
    lifecycle: dict[str, Any] | None = None

    @property
    def mounts(self) -> list[VolumeMount]:
        """The volume mounts; none where the list is missing."""
        return self.volume_mounts or []

    def volume_names(self) -> Iterator[str]:
        """The names of the volumes that it has anything of: those that it mounts, and those of its variables' files."""
        yield from (mount.name for mount in self.volume_mounts or ())
        for variable in self.env or ():
            if variable.value_from is not None and variable.value_from.file_key_ref is not None:
                yield variable.value_from.file_key_ref.volume_name


class Claim(Partial, frozen=True):
    """A persistent claim as a volume."""

    claim_name: str = ""
    read_only: bool | None = None


class ReadOnly(Partial, frozen=True):
    """A volume source that may be read-only."""

    read_only: bool | None = None


class Volume(Partial, frozen=True):
    """A volume; of its source only what decides whether it can be written, and what our own ones say."""

    name: str = ""
    config_map: Present | None = None
    secret: Present | None = None
    projected: dict[str, Any] | None = None
    downward_api: dict[str, Any] | None = msgspec.field(default=None, name="downwardAPI")
    empty_dir: Present | None = None
    image: Present | None = None
    persistent_volume_claim: Claim | None = None
    host_path: Present | None = None
    csi: ReadOnly | None = None

    @property
    def immutable_kind(self) -> str | None:
        """The kind of a volume that no application can write, by the API's name; None for the others."""
        return next((kind for kind, present in self._immutable() if present is not None), None)

    def sources(self) -> Iterator[tuple[str, Any]]:
        """What the volume may be, by the API's names; one that is None it is not."""
        yield from self._immutable()
        yield "emptyDir", self.empty_dir
        yield "persistentVolumeClaim", self.persistent_volume_claim
        yield "hostPath", self.host_path
        yield "csi", self.csi

    def _immutable(self) -> Iterator[tuple[str, Any]]:
        yield "configMap", self.config_map
        yield "secret", self.secret
        yield "projected", self.projected
        yield "downwardAPI", self.downward_api
        yield "image", self.image

    @property
    def is_read_only(self) -> bool:
        """Whether the volume itself is attached read-only, so that no mount of it can be written."""
        return bool(
            (self.persistent_volume_claim and self.persistent_volume_claim.read_only)
            or (self.csi and self.csi.read_only)
        )


class LocalObjectReference(Partial, frozen=True):
    """A name in the Pod's namespace."""

    name: str = ""


class Spec(Partial, frozen=True):
    """The Pod's spec."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    restart_policy: str | None = None
    os: Os | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    security_context: SecurityContext | None = None
    share_process_namespace: bool | None = None
    host_pid: bool | None = msgspec.field(default=None, name="hostPID")
    termination_grace_period_seconds: int | None = None
    resources: Resources | None = None
    image_pull_secrets: list[LocalObjectReference] | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether nothing in the Pod has a name of ours, and no sub-path refers to a variable, as in nearly all."""
        if not self._seems_foreign:
            return False
        for container in (*(self.containers or ()), *(self.init_containers or ())):
            for variable in container.env or ():
                file = variable.value_from.file_key_ref if variable.value_from is not None else None
                if file is not None and file.volume_name.startswith(OURS):
                    return False
        return True

    @property
    def _seems_foreign(self) -> bool:
        """The same, whatever variables say."""
        for container in (*(self.containers or ()), *(self.init_containers or ())):
            if container.name.startswith(OURS):
                return False
            for mount in container.volume_mounts or ():
                if mount.sub_path_expr or mount.name.startswith(OURS):
                    return False
        return OURS not in [volume.name[: len(OURS)] for volume in self.volumes or ()]


class Pod(Partial, frozen=True):
    """What loghook reads of a Pod."""

    metadata: Metadata = Metadata()
    spec: Spec = Spec()

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations; none where the map is missing."""
        return self.metadata.annotations or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels."""
        return self.metadata.labels or {}

    @property
    def containers(self) -> list[Container]:
        """The app containers."""
        return self.spec.containers or []

    @property
    def init_containers(self) -> list[Container]:
        """The init containers, native sidecars among them."""
        return self.spec.init_containers or []

    @property
    def volumes(self) -> list[Volume]:
        """The volumes."""
        return self.spec.volumes or []

    def every_container(self) -> list[Container]:
        """App containers, then init containers, each in the Pod's order."""
        return [*(self.spec.containers or ()), *(self.spec.init_containers or ())]


class PodError(ValueError):
    """The input is not shaped like a Pod; says where."""


def view(raw: Mapping[str, Any]) -> Pod:
    """The view of the raw Pod `raw`, which is left as it is.

    Raises PodError where a field has a type that the API server would not take either.
    """
    try:
        return msgspec.convert(raw, Pod)
    except msgspec.ValidationError as error:
        raise PodError(str(error)) from None
