"""An example for each type of destination, and a file of it with its Secrets and a Pod."""

from collections.abc import Iterator
from typing import Any

import yaml

from webhook.config.destinations import TYPES, Destination

__all__ = ["POD", "example", "example_file", "settings"]


def example(name: str) -> dict[str, Any]:
    """The example of a type, as the configuration has a destination."""
    return {"type": name, **TYPES[name].example}


def settings(name: str) -> str:
    """The example of a type as loghook.yaml has it."""
    return yaml.safe_dump({"destinations": {"central": example(name)}}, sort_keys=False, width=100)


POD = """apiVersion: v1
kind: Pod
metadata:
  name: shop
  labels:
    app.kubernetes.io/name: shop
  annotations:
    loghook.dev/paths: /var/log/shop/*.log
    loghook.dev/format: json
    loghook.dev/fields: team=web
    loghook.dev/destination: central
spec:
  containers:
    - name: shop
      image: docker.io/library/busybox:1.37
      command:
        - /bin/sh
        - -c
        - |
          trap 'exit 0' TERM
          while :; do
            echo "{\\"time\\":\\"$(date -Iseconds)\\",\\"message\\":\\"order placed\\"}" >>/var/log/shop/shop.log
            sleep 1 & wait $!
          done
      resources:
        requests:
          cpu: 10m
          memory: 16Mi
        limits:
          memory: 16Mi
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop:
            - ALL
        seccompProfile:
          type: RuntimeDefault
"""


"""A Pod that ships to the example."""


def example_file(name: str) -> str:
    """A manifest: the configuration as a comment, the Secrets that it names, and a Pod that ships there."""
    snippet = "".join(f"#   {line}\n" for line in settings(name).splitlines())
    head = (
        f"# {TYPES[name].about}\n#\n# In the webhook's loghook.yaml:\n#\n{snippet}#\n"
        "# In the namespace of the Pods that name it (put your own values in place of these):\n"
    )
    secrets = _secrets(TYPES[name].model_validate(example(name)))
    manifests = [yaml.safe_dump(secret, sort_keys=False) for secret in secrets]
    return head + "---\n".join([*manifests, POD])


def _secrets(destination: Destination) -> Iterator[dict[str, Any]]:
    keys: dict[str, dict[str, str]] = {}
    for _, key in (*destination.secrets(), *destination.secret_files()):
        keys.setdefault(key.secret, {})[key.key] = f"the {key.key} of the destination"
    for name, data in keys.items():
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
