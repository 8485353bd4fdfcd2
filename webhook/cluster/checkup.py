"""Looks an installation over, section by section, and goes on after what is wrong as far as it can."""

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from webhook import __version__
from webhook.annotations.defaults import sound
from webhook.cluster.api import Api, ApiError
from webhook.cluster.certificates import of_bundle, of_controller, of_leaf
from webhook.cluster.crowd import crowd, world
from webhook.cluster.endpoint import Answer, Endpoint, EndpointError, UnreachedError, UntrustedError, bundle_of
from webhook.cluster.injectors import Injector, ask, injectors, takes_others
from webhook.cluster.installation import configured, registered
from webhook.cluster.registration import Unproven
from webhook.cluster.verification import created, probe, sidecar_of, version_of
from webhook.config.loghook_yaml import Config, ConfigError
from webhook.diagnostics import escape
from webhook.inquiry import inquiry
from webhook.standing.checks import Check
from webhook.standing.labels import is_selected
from webhook.standing.registration import webhooks_of
from webhook.standing.soundness import overlap, soundness, workloads

__all__ = ["look_over", "look_over_before"]

_LEAST = (1, 30)
_RIGHTS = (
    ("create", "", "namespaces", False),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", False),
    ("create", "rbac.authorization.k8s.io", "clusterroles", False),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", False),
    ("create", "apps", "deployments", True),
    ("create", "", "secrets", True),
    ("create", "", "services", True),
)
"""What an installation takes: a verb, the group and the resource, and whether it is in the namespace."""


def look_over_before(api: Api, namespace: str) -> Iterator[Check]:
    """What an installation into `namespace` needs of the cluster."""
    yield from _of_cluster(api, namespace)
    try:
        lacking = [
            f"{verb} {resource}" for verb, group, resource, inside in _RIGHTS
            if not api.may(verb, group, resource, namespace if inside else "")
        ]  # fmt: skip
        if lacking:
            yield Check.of("rights", "error", f"you may not {', '.join(lacking)}")
        else:
            yield Check.of("rights", "ok", f"you may install into {namespace}")
        there = [each["metadata"]["name"] for each in registered(api)]
    except ApiError as error:
        yield Check.of("rights", "warning", str(error))
        return
    said = f"{', '.join(there)} is registered already" if there else "nothing is installed yet"
    yield Check.of("vacancy", "warning" if there else "ok", said)


def look_over(api: Api, namespace: str, name: str | None = None, file: Config | None = None) -> Iterator[Check]:
    """All that there is to say of the installation that is registered as `name`, or else of the oldest.

    A Pod is tried in `namespace`, as a dry run. `file` is a configuration in place of the installation's own.
    """
    answers = False
    for check in _of_cluster(api, namespace):
        answers = answers or (check.name == "version" and check.status != "error")
        yield check
    if not answers:
        return
    try:
        found = [each for each in registered(api) if name in {None, each["metadata"]["name"]}]
    except ApiError as error:
        yield Check.of("registered", "error", str(error))
        return
    if not found:
        what = f"no registration is called {name}" if name else "no registration has a webhook for Pods of ours"
        yield Check.of("registered", "error", what)
        return
    yield Check.of("registered", "ok", f"{found[0]['metadata']['name']} is registered")
    yield from _Installation(api, namespace, found, file).checks()


# The cluster.


def _of_cluster(api: Api, namespace: str) -> Iterator[Check]:
    try:
        found = api.read("/version")
        version = int(found["major"]), int(str(found["minor"]).rstrip("+"))
    except ApiError as error:
        yield Check.of("api", "error", str(error))
        return
    except (LookupError, TypeError, ValueError):  # a proxy, or a page to log in at, that answers JSON
        yield Check.of("api", "error", "what answers /version is no Kubernetes API")
        return
    yield Check.of("api", "ok", "the API server answers")
    text = escape(str(found.get("gitVersion", f"{version[0]}.{version[1]}")))
    yield Check.of("version", "ok" if version >= _LEAST else "error", f"Kubernetes {text}")
    yield _of_native_sidecars(api, namespace)


def _of_native_sidecars(api: Api, namespace: str) -> Check:
    """Whether the API server keeps what makes an init container a native sidecar: it drops what is turned off."""
    pod = probe()
    pod["metadata"]["annotations"] = {}
    pod["spec"]["initContainers"] = [{**pod["spec"]["containers"][0], "name": "sidecar", "restartPolicy": "Always"}]
    try:
        made = api.try_pod(namespace, pod)
    except ApiError as error:
        return Check.of("native-sidecars", "skipped", f"a Pod in {namespace} cannot be tried: {error}")
    kept = next(each for each in made["spec"]["initContainers"] if each["name"] == "sidecar").get("restartPolicy")
    said = "native sidecars are kept" if kept == "Always" else "native sidecars are turned off"
    return Check.of("native-sidecars", "ok" if kept == "Always" else "error", said)


class _Installation:
    """One installation: its registration, and what can be found of what stands behind it."""

    def __init__(self, api: Api, namespace: str, found: list[dict[str, Any]], file: Config | None) -> None:
        self._api, self._namespace, self._found, self._file = api, namespace, found, file
        self._registration = found[0]
        self._name = found[0]["metadata"]["name"]
        _, webhook = next(webhooks_of(found))
        self._webhook: dict[str, Any] = dict(webhook)

    def checks(self) -> Iterator[Check]:
        yield from self._of_registration()
        service, place = self._webhook["clientConfig"].get("service"), self._place()
        there: list[Injector] = []
        if service:
            yield self._of_service(service)
            there = self._injectors(service)
            yield self._of_endpoints(there)
        asked = () if place is None else tuple(self._of_answers(place, there, called_by_url=not service))
        yield from (each for each in asked if each.section == "Injectors")
        config, check = self._configuration()
        yield check
        yield from of_bundle(self._webhook, datetime.now(UTC))
        yield from (each for each in asked if each.section == "Certificates")
        if service:
            yield from of_controller(self._api, self._registration, service)
        yield self._of_round_trip()
        yield self._of_pods(config)

    def _of_registration(self) -> Iterator[Check]:
        spaces: dict[str, Any] | None
        try:
            every = list(self._api.listed("/api/v1/namespaces"))
            spaces = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in every}
        except ApiError:
            spaces = None
        yield overlap(self._found, spaces or {})
        yield from soundness(self._name, self._webhook, spaces)
        yield from self._of_workloads()

    def _of_workloads(self) -> Iterator[Check]:
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        try:
            found = workloads(self._api.listed(path), self._webhook)
        except ApiError as error:
            found = Check.of("workloads", "skipped", str(error))
        if found is not None:
            yield found

    def _place(self) -> Endpoint | None:
        """Where the API server calls the webhook; None where nobody could be called by what is registered."""
        try:
            return Endpoint.of(self._webhook, bundle_of(self._webhook))
        except EndpointError:
            return None  # it is said of the caBundle

    def _of_service(self, service: dict[str, Any]) -> Check:
        name = f"{service['namespace']}/{service['name']}"
        try:
            spec = self._api.service(service["namespace"], service["name"])["spec"]
        except ApiError as error:
            return Check.of("service", "skipped" if error.is_forbidden else "error", str(error))
        port = service.get("port", 443)
        if spec.get("type") != "ExternalName" and port not in {each["port"] for each in spec.get("ports") or ()}:
            return Check.of("service", "error", f"the Service {name} has no port {port}")
        return Check.of("service", "ok", f"the Service {name} is there")

    def _injectors(self, service: dict[str, Any]) -> list[Injector]:
        try:
            return injectors(self._api, service)
        except ApiError:
            return []

    def _of_endpoints(self, there: list[Injector]) -> Check:
        ready = [each for each in there if each.is_ready]
        if not there:
            return Check.of("endpoints", "error", "the Service leads to no injector")
        if not ready:
            return Check.of("endpoints", "error", f"none of the {len(there)} injectors is ready")
        return Check.of("endpoints", "ok", f"injectors that are ready: {len(ready)} of {len(there)}")

    def _of_answers(self, place: Endpoint, there: list[Injector], *, called_by_url: bool) -> Iterator[Check]:
        """What each injector that is ready answers when it is asked as the API server asks."""
        service = self._webhook["clientConfig"].get("service")
        try:
            if service and not takes_others(self._api, service):
                yield Check.of("answers", "skipped", "the injectors take reviews from the API server alone")
                return
            ready = [each for each in there if each.is_ready]
            asked = [None] if called_by_url else list(ready)
            answers = [ask(self._api, place, each, self._review()) for each in asked]
        except UntrustedError as error:
            yield Check.of("chain", "error", str(error))
            return
        except UnreachedError as error:
            said = str(error) if error.is_refused else f"not reached from here: {error}"
            yield Check.of("answers", "error" if error.is_refused else "skipped", said)
            return
        except (EndpointError, ApiError) as error:
            yield Check.of("answers", "error", str(error))
            return
        if answers:
            yield Check.of("chain", "ok", "the served certificate is vouched for by the caBundle, strictly")
            yield of_leaf(answers, datetime.now(UTC))
            yield from self._of_sidecars(place, answers)

    def _review(self) -> dict[str, Any]:
        return inquiry(probe(), "default", str(uuid.uuid4()), "loghook check")

    def _of_sidecars(self, place: Endpoint, answers: list[Answer]) -> Iterator[Check]:
        try:
            names = [sidecar_of(place, answer) for answer in answers]
            versions = sorted({version_of(place, answer) for answer in answers})
        except (Unproven, EndpointError) as error:
            yield Check.of("answers", "error", str(error))
            return
        yield Check.of(
            "answers", "ok", f"a review is answered with the sidecar {names[0]}, by {len(names)} of {len(names)}"
        )
        if versions == [__version__]:
            yield Check.of("versions", "ok", f"program and injectors are version {__version__}")
        else:
            said = f"the injectors are version {', '.join(versions)}, and this program is {__version__}"
            yield Check.of("versions", "warning", said)

    def _configuration(self) -> tuple[Config, Check]:
        if self._file is not None:
            return self._file, Check.of("configuration", "ok", "judged by --config")
        try:
            text, origin = configured(self._api, self._registration)
            return sound(text, origin), Check.of("configuration", "ok", f"the {origin} can be used")
        except ApiError as error:
            return Config(), Check.of("configuration", "skipped", str(error))
        except ConfigError as error:
            return Config(), Check.of("configuration", "error", "; ".join(str(error).splitlines()))

    def _of_round_trip(self) -> Check:
        """Whether the API server gives a Pod a sidecar."""
        try:
            labels = self._api.read(f"/api/v1/namespaces/{self._namespace}")["metadata"].get("labels") or {}
            selector = self._webhook.get("namespaceSelector") or {}
            if not is_selected(selector, {**labels, "kubernetes.io/metadata.name": self._namespace}):
                said = f"Pods in {self._namespace} get no sidecars: name another namespace with -n"
                return Check.of("round-trip", "skipped", said)
            if not is_selected(self._webhook.get("objectSelector") or {}, {}):
                return Check.of(
                    "round-trip", "skipped", "a Pod without labels gets no sidecars, and the one tried has none"
                )
            made = created(self._api, self._namespace, self._webhook)
        except ApiError as error:
            said = f"a Pod in {self._namespace} cannot be tried: {error}"
            return Check.of("round-trip", "skipped" if error.is_forbidden else "error", said)
        except Unproven as error:
            return Check.of("round-trip", "error", str(error))
        return Check.of("round-trip", "ok", f"the API server gives a Pod in {self._namespace} the sidecar {made}")

    def _of_pods(self, config: Config) -> Check:
        try:
            every = list(crowd(self._api, world(self._api, config, self._found), None))
        except ApiError as error:
            return Check.of("pods", "skipped", str(error))
        counted = Counter(each.state for each in every)
        said = ", ".join(f"{count} {state}" for state, count in sorted(counted.items())) or "no Pod asks yet"
        missed = [each for each in every if each.state == "missed"]
        if any(each.why != "older than the registration" for each in missed):
            return Check.of("pods", "error", said)
        bad = counted["refused"] or counted["failing"] or missed
        return Check.of("pods", "warning" if bad else "ok", said)
