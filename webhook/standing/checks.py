"""What `loghook check` looks at: each check by its name, with its section and what to do where it fails.

The table is all there is: the command, the JSON and the page in `docs` are written from it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from webhook import __version__
from webhook.tables import by_name

__all__ = ["CHECKS", "PAGE", "Check", "Kind", "Report", "Status"]

PAGE = "https://github.com/loghook/loghook/blob/main/docs/"

Status = Literal["ok", "warning", "error", "skipped"]


class Kind(msgspec.Struct, frozen=True):
    """A check by its `name`: the section that it stands in, what to do where it fails, and the page about it."""

    name: str
    section: str
    fix: str
    page: str = "troubleshooting.md"


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one check found. `fix` and `page` are empty where there is nothing to do."""

    section: str
    name: str
    status: Status
    said: str
    fix: str
    page: str

    @classmethod
    def of(cls, name: str, status: Status, said: str) -> "Check":
        """What the check `name` found."""
        kind = CHECKS[name]
        bad = status in {"error", "warning"}
        return cls(kind.section, name, status, said, kind.fix if bad else "", PAGE + kind.page if bad else "")


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was found; `ok` where nothing is an error."""

    version: str
    ok: bool
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, checks: tuple[Check, ...]) -> "Report":
        """The report of `checks`."""
        return cls(__version__, all(each.status != "error" for each in checks), checks)


_KINDS = (
    Kind("api", "Kubernetes", "See whether kubectl reaches this cluster with the same kubeconfig and context."),
    Kind(
        "version",
        "Kubernetes",
        "Upgrade the cluster to Kubernetes 1.30 or later: matchConditions, by which Pods that do not ask never cause a "
        "call, are stable from there on.",
        "compatibility.md",
    ),
    Kind(
        "native-sidecars",
        "Kubernetes",
        "Upgrade the cluster, or turn the feature gate SidecarContainers on; until then set `defaults: "
        '{native-sidecar: "false"}` in the configuration.',
        "compatibility.md",
    ),
    Kind("rights", "Kubernetes", "Install as somebody who has these rights, as cluster-admin has.", "installing.md"),
    Kind(
        "vacancy",
        "Kubernetes",
        "Upgrade the release that is there instead, or uninstall it first: two of them would inject each Pod in turn.",
        "upgrading.md",
    ),
    Kind("registered", "Registration", "Install the chart: helm install loghook charts/loghook.", "installing.md"),
    Kind(
        "single",
        "Registration",
        "Remove all but one, or let `webhook.namespaceSelector` of each select other namespaces.",
        "installing.md",
    ),
    Kind(
        "rules",
        "Registration",
        "Put the chart's rules back (pods, CREATE, of v1): helm upgrade.",
        "installing.md",
    ),
    Kind(
        "namespaces",
        "Registration",
        "Look at `webhook.namespaceSelector` and `webhook.excludedNamespaces`, and at the namespaces' labels.",
    ),
    Kind("objects", "Registration", "Look at `webhook.objectSelector`: hardly a Pod has the labels that it wants."),
    Kind(
        "conditions",
        "Registration",
        "Put the chart's condition back (helm upgrade); further ones belong into `webhook.matchConditions`.",
    ),
    Kind("workloads", "Registration", "Put the registration of workloads back: helm upgrade."),
    Kind("service", "Injectors", "Put the Service back: helm upgrade. It must have the name of clientConfig.service."),
    Kind(
        "endpoints",
        "Injectors",
        "See why no injector is ready: kubectl -n NAMESPACE get pods -l app.kubernetes.io/component=webhook.",
    ),
    Kind(
        "configuration",
        "Injectors",
        "Mend the configuration: loghook config check; the injectors go on with the one that they had before.",
        "configuration.md",
    ),
    Kind("answers", "Injectors", "See the logs of the injectors, which have a line for each review."),
    Kind(
        "versions",
        "Injectors",
        "Use the program of the injectors' version: what `describe` and `list` say of Pods is of the program's own.",
        "upgrading.md",
    ),
    Kind(
        "ca-bundle",
        "Certificates",
        "See whether what writes it runs: the certificate controller, or cert-manager's CA injector; with "
        "certificates of your own, give certificates.provided.caBundle.",
    ),
    Kind(
        "ca-expiry", "Certificates", "Renew the CA: the controller does it by itself, so see what it says in its log."
    ),
    Kind("chain", "Certificates", "See which certificate is served and which CA is registered, and who writes each."),
    Kind("expiry", "Certificates", "Renewal has failed for long: see the log of who renews it."),
    Kind(
        "controller",
        "Certificates",
        "See why it does not run: kubectl -n NAMESPACE describe deployment, and the logs of its Pods.",
        "certificates.md",
    ),
    Kind(
        "round-trip",
        "Round trip",
        "The API server does not reach the injectors, or does not ask them: see its network's way to the Service.",
    ),
    Kind(
        "pods",
        "Pods",
        "`loghook list -A --missed` names them, and `loghook describe` says why; kubectl rollout restart creates them "
        "anew.",
    ),
)

CHECKS: Mapping[str, Kind] = by_name("_KINDS in webhook/standing/checks.py", _KINDS, lambda kind: kind.name)
"""Every check by its name, in the order in which they are made."""
