"""Reviews as the API server sends them, for Pods of Deployments and of workflows: about 5.5 KB, compact JSON."""

import json
from typing import Any

_MOST = 25  # containers in one source; it may name 32

CONFIG = """
destinations:
  central: {type: elasticsearch, host: es, index: "{namespace}-{label:step}"}
  archive: {type: loki, host: loki, labels: {step: "{label:step}"}}
"""
"""The configuration under which `stranger` is reviewed."""

_FORMATS = ("plain", "json", "logfmt", "nginx", "log4j", "java", "python", "klog")
_AGENTS = ("fluent-bit", "vector", "otel-collector", "fluentd")
_AGENT_SHARE = 8  # each eighth stranger ships by an agent of its own


def review(number: int, *, annotated: bool, differs: bool = False) -> bytes:
    """The body of the review with this number.

    The Pods of a ReplicaSet are alike but for the review's uid and the name of the ServiceAccount token's volume. With
    `differs`, an annotation and a variable are others in each, as if each Pod came from a Deployment of its own.
    """
    pod = _pod(number, annotated=annotated, of=number if differs else 0)
    return json.dumps(_envelope(number, pod), separators=(",", ":")).encode()


def step(number: int) -> bytes:
    """The body of the review of a workflow's step: the annotations are those of every other, and nothing else is.

    Name, labels, image, variables, and the volume of its own claim differ.
    """
    return json.dumps(_envelope(number, _step(number)), separators=(",", ":")).encode()


def stranger(number: int) -> bytes:
    """The body of the review of a Pod that is like no other: paths, format and limits are its own as well."""
    pod = _step(number)
    said = {
        "paths": f"/var/log/job-{number}/out.log,/var/log/job-{number}/*.err",
        "format": _FORMATS[number % len(_FORMATS)],
        "container": "app",
        "drain-seconds": str(number % 20),
        "fields": f"run={number}",
        "node-agent-hints": "fluent-bit",
    }
    if number % _AGENT_SHARE == 0:
        turn = number // _AGENT_SHARE
        agent = _AGENTS[turn % len(_AGENTS)]
        to = "archive" if turn % 2 and agent != "fluentd" else "central"  # the usual image of Fluentd knows no Loki
        said |= {"destination": to, "agent": agent}
    pod["metadata"]["annotations"] = {f"loghook.dev/{key}": text for key, text in said.items()}
    return json.dumps(_envelope(number, pod), separators=(",", ":")).encode()


def _step(number: int) -> dict[str, Any]:
    pod = _pod(number, annotated=True, of=0)
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["name"] = f"nightly-{number}"
    metadata["labels"] = {"workflow": f"nightly-{number // 10}", "step": f"step-{number}", "team": "payments"}
    metadata["ownerReferences"][0] |= {"kind": "Workflow", "name": f"nightly-{number // 10}"}
    app = spec["containers"][0]
    app["image"] = f"registry.example.com/steps/app:{number}"
    app["env"].append({"name": "PARTITION", "value": str(number)})
    app["volumeMounts"].append({"name": f"work-{number}", "mountPath": "/work"})
    spec["volumes"].append({"name": f"work-{number}", "persistentVolumeClaim": {"claimName": f"work-{number}"}})
    spec["restartPolicy"] = "Never"
    return pod


def pod(containers: int) -> dict[str, Any]:
    """A Pod of the same kind with so many containers, each with a log file of its own."""
    whole = _pod(0, annotated=True, of=0)
    app = whole["spec"]["containers"][0]
    whole["spec"]["containers"] = [{**app, "name": f"app-{n}"} for n in range(containers)]
    whole["metadata"]["annotations"] = {
        f"loghook.dev/part-{first}.{key}": value
        for first in range(0, containers, _MOST)
        for key, value in (
            ("paths", "/var/log/app/server.log"),
            ("container", ",".join(f"app-{n}" for n in range(first, min(first + _MOST, containers)))),
        )
    }
    return whole


def _envelope(number: int, pod: dict[str, Any]) -> dict[str, Any]:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": f"705ab4f5-6393-11e8-b7cc-{number:012x}",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {
            "username": "system:serviceaccount:kube-system:replicaset-controller",
            "uid": "2c1bb2f3-3a2e-4b43-8f0a-4c25f6b5a7d1",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
        },
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def _pod(number: int, *, annotated: bool, of: int) -> dict[str, Any]:
    token = f"kube-api-access-{_five_letters(number)}"
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "9102", "checksum/config": "9b74c9897bac770f"}
    if annotated:
        annotations |= {"loghook.dev/paths": f"/var/log/app/server-{of}.log", "loghook.dev/container": "app"}
    containers = [_container("app", token, of), _container("metrics", token, of)]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "checkout-7d4b9c6f5-",
            "namespace": "shop",
            "labels": {"app.kubernetes.io/name": "checkout", "pod-template-hash": "7d4b9c6f5", "team": "payments"},
            "annotations": annotations,
            "ownerReferences": [_owner()],
            "managedFields": [_managed_fields()],
            "creationTimestamp": None,
        },
        "spec": {
            "volumes": [_token_volume(token), {"name": "tmp", "emptyDir": {}}],
            "containers": containers,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "checkout",
            "serviceAccount": "checkout",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
            "schedulerName": "default-scheduler",
            "tolerations": [_toleration("not-ready"), _toleration("unreachable")],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    }


def _owner() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "checkout-7d4b9c6f5",
        "uid": "b3c1b3f2-8a51-43d5-9f4e-6a0c3f2f9f10",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _container(name: str, token: str, of: int) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10}
    fields = ("metadata.name", "metadata.namespace", "spec.nodeName")
    return {
        "name": name,
        "image": f"registry.example.com/shop/{name}:v1.42.7",
        "command": [f"/app/{name}"],
        "args": ["--config=/etc/checkout/config.yaml", "--log-level=info", f"--deployment={of}"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            *(_field(path) for path in fields),
            {"name": "DATABASE_URL", "value": "postgres://checkout@db.shop.svc.cluster.local:5432/checkout"},
            {"name": "DATABASE_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "checkout-db", "key": "password"}}},
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel.observability.svc.cluster.local:4317"},
        ],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # in a Pod of the example
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False},
    }


def _field(path: str) -> dict[str, Any]:
    name = path.replace(".", "_").upper()
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _token_volume(name: str) -> dict[str, Any]:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def _toleration(condition: str) -> dict[str, Any]:
    key = f"node.kubernetes.io/{condition}"
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}


def _managed_fields() -> dict[str, Any]:
    fields = {
        "f:metadata": {
            "f:annotations": {".": {}},
            "f:generateName": {},
            "f:labels": {".": {}},
            "f:ownerReferences": {},
        },
        "f:spec": {"f:containers": {}, "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:securityContext": {}},
    }
    return {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _five_letters(number: int) -> str:
    letters = "bcdfghjklmnpqrstvwxz2456789"
    return "".join(letters[number // len(letters) ** place % len(letters)] for place in range(5))
