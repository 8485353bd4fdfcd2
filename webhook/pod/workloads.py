"""Which kinds of objects bring Pods, and where they have the template of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from webhook.pod.view import Metadata, Owner, Pod, Spec

__all__ = ["SPEC_TEMPLATE", "WORKLOADS", "Template", "Workload"]


class Template(msgspec.Struct, frozen=True):
    """A Pod template: what a Pod of it has, but for its name."""

    metadata: Metadata | None = None
    spec: Spec | None = None


@dataclass(frozen=True)
class Workload:
    """Where a kind has its Pod template, and which kind of controller owns the Pods that come of it.

    `template` leads from the object to it, by the names of fields.
    """

    template: tuple[str, ...]
    owner: str | None = None

    def stations(self) -> Iterator[tuple[str, ...]]:
        """The way to the template, step by step, without its end: whatever on it may have metadata of its own."""
        return (self.template[:length] for length in range(len(self.template)))

    def pod(self, template: Template, name: str) -> Pod:
        """The Pod as the controller of an object called `name` would create it."""
        said = template.metadata or Metadata()
        owners = [Owner(self.owner, controller=True)] if self.owner else None
        metadata = Metadata(None, f"{name}-", said.namespace, said.annotations, said.labels, owners)
        return Pod(metadata, template.spec or Spec())


SPEC_TEMPLATE = ("spec", "template")
"""Where nearly all kinds have it."""

WORKLOADS: Mapping[tuple[str, str], Workload] = {
    ("", "Pod"): Workload(()),
    ("", "PodTemplate"): Workload(("template",)),
    ("", "ReplicationController"): Workload(SPEC_TEMPLATE, "ReplicationController"),
    ("apps", "DaemonSet"): Workload(SPEC_TEMPLATE, "DaemonSet"),
    ("apps", "Deployment"): Workload(SPEC_TEMPLATE, "ReplicaSet"),
    ("apps", "ReplicaSet"): Workload(SPEC_TEMPLATE, "ReplicaSet"),
    ("apps", "StatefulSet"): Workload(SPEC_TEMPLATE, "StatefulSet"),
    ("batch", "CronJob"): Workload(("spec", "jobTemplate", "spec", "template"), "Job"),
    ("batch", "Job"): Workload(SPEC_TEMPLATE, "Job"),
}
"""Kubernetes' own kinds, by API group and kind."""
