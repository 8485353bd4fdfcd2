"""What runs in a sidecar, as the administrator may set it: images and resources by engine."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from webhook import __version__
from webhook.config.settings import Model, Quantity
from webhook.pod import quantities

__all__ = ["EngineResources", "EnginesResources", "Images"]


_IMAGE = r"[^\s:/@][^\s@]*(@[^\s@]+)?"
_HOST = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_REGISTRY = rf"({_HOST}(/[A-Za-z0-9._-]+)*/?)?"


def _image(text: str) -> str:
    if "://" in text or not re.fullmatch(_IMAGE, text):
        raise ValueError("write an image without a scheme, e.g. docker.io/library/busybox:1.37")
    return text


def _registry(text: str) -> str:
    if not re.fullmatch(_REGISTRY, text):
        raise ValueError(
            "write a registry without a scheme: its host, and a path if it has one, e.g. mirror.example/hub"
        )
    return text


Image = Annotated[
    str, AfterValidator(_image), Field(json_schema_extra={"pattern": f"^{_IMAGE}$", "not": {"pattern": "://"}})
]
Registry = Annotated[str, AfterValidator(_registry), Field(json_schema_extra={"pattern": f"^{_REGISTRY}$"})]


class EngineResources(Model):
    """What a sidecar of one engine asks for where no annotation says otherwise.

    One figure for memory is both request and limit: memory that was promised is never taken away.
    """

    cpu_request: Quantity = "10m"
    cpu_limit: Quantity | Literal["none"] = "100m"
    memory_request: Quantity = "32Mi"
    memory_limit: Quantity = "32Mi"

    @model_validator(mode="after")
    def _limits_cover_requests(self) -> Self:
        pairs = (("cpu", self.cpu_request, self.cpu_limit), ("memory", self.memory_request, self.memory_limit))
        for name, request, limit in pairs:
            if limit != "none" and quantities.parse(limit) < quantities.parse(request):
                raise ValueError(f"the {name} limit {limit} is below the request {request}")
        return self


class DrainResources(EngineResources):
    """`loghook-drain` only ever sleeps."""

    cpu_request: Quantity = "1m"
    cpu_limit: Quantity | Literal["none"] = "50m"
    memory_request: Quantity = "16Mi"
    memory_limit: Quantity = "16Mi"


class ReaderResources(EngineResources):
    """loghook's own reader; more files take more memory."""

    memory_request: Quantity = "64Mi"
    memory_limit: Quantity = "64Mi"


class FluentBitResources(EngineResources):
    """Fluent Bit."""

    cpu_limit: Quantity | Literal["none"] = "500m"
    memory_request: Quantity = "64Mi"
    memory_limit: Quantity = "64Mi"


class LargerResources(EngineResources):
    """Vector and the OpenTelemetry Collector."""

    cpu_request: Quantity = "20m"
    cpu_limit: Quantity | Literal["none"] = "500m"
    memory_request: Quantity = "128Mi"
    memory_limit: Quantity = "128Mi"


class FluentdResources(EngineResources):
    """Fluentd, a Ruby program with two processes."""

    cpu_request: Quantity = "50m"
    cpu_limit: Quantity | Literal["none"] = "500m"
    memory_request: Quantity = "256Mi"
    memory_limit: Quantity = "256Mi"


class EnginesResources(Model):
    """Resources by what runs in a sidecar; an annotation says otherwise for all but `drain`."""

    busybox: EngineResources = EngineResources()
    reader: ReaderResources = ReaderResources()
    drain: DrainResources = DrainResources()
    fluent_bit: FluentBitResources = FluentBitResources()
    fluentd: FluentdResources = FluentdResources()
    vector: LargerResources = LargerResources()
    otel_collector: LargerResources = LargerResources()

    def of(self, engine: str) -> EngineResources:
        """The resources of `engine`, by its name in annotations."""
        found: EngineResources = getattr(self, engine.replace("-", "_"))
        return found


class FluentdVariants(Model):
    """Fluentd's images for destinations whose plugin the usual one lacks."""

    opensearch: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-opensearch-1.1"
    kafka: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-kafka2-1.1"
    s3: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-s3-1.1"
    cloudwatch: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-cloudwatch-1.1"
    datadog: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-datadog-1.1"


class OtelCollectorVariants(Model):
    """The collector's images for destinations that need less than the usual one has."""

    otlp: Image = "docker.io/otel/opentelemetry-collector-k8s:0.159.0"
    """OTLP and stdout alone: a third of the size."""


class Images(Model):
    """The one table of images. `registry` replaces the registry of each of them, for a mirror."""

    registry: Registry = ""
    busybox: Image = "docker.io/library/busybox:1.37"
    reader: Image = f"ghcr.io/loghook/loghook:{__version__}"
    """loghook's own image, of this version."""
    fluent_bit: Image = "docker.io/fluent/fluent-bit:5.1.1"
    fluentd: Image = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-elasticsearch8-1.1"
    fluentd_variants: FluentdVariants = FluentdVariants()
    vector: Image = "docker.io/timberio/vector:0.57.0-distroless-libc"
    otel_collector: Image = "docker.io/otel/opentelemetry-collector-contrib:0.159.0"
    otel_collector_variants: OtelCollectorVariants = OtelCollectorVariants()

    def of(self, engine: str, variant: str | None = None) -> str:
        """The image of `engine`, by its name in annotations, from the mirror where one is configured."""
        field = engine.replace("-", "_")
        image: str = getattr(getattr(self, f"{field}_variants"), variant) if variant else getattr(self, field)
        return f"{self.registry.rstrip('/')}/{_without_registry(image)}" if self.registry else image


def _without_registry(image: str) -> str:
    """`image` without its registry: a first part is one where it has a dot or a port, or is localhost."""
    first, slash, rest = image.partition("/")
    return rest if slash and ("." in first or ":" in first or first == "localhost") else image
