"""A look into the containers of a Pod that runs: by exec, or by an ephemeral container beside them."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from webhook.cluster.api import Api, ApiError
from webhook.standing.open_files import SCRIPT
from webhook.standing.ours import Raw

__all__ = ["Visit", "VisitError"]

_PATIENCE = 120.0  # seconds until the image is pulled and the container has ended


class VisitError(Exception):
    """There is no way into a container. Its text says why, and what would be one."""


class Visit:
    """A look into one Pod, with `image` for an ephemeral container, as the user `uid` where that is said."""

    def __init__(self, api: Api, pod: Raw, namespace: str, image: str, uid: int | None) -> None:
        self._api, self._pod, self._namespace, self._image, self._uid = api, pod, namespace, image, uid
        self._name = str(pod["metadata"]["name"])

    def written(self, container: Raw, may: Callable[[str], bool]) -> str:
        """What the script writes beside `container`. Raises VisitError.

        `may` is asked before an ephemeral container is put into the Pod.
        """
        name = str(container["name"])
        if self._uid is None:
            try:
                return self._api.executed(self._namespace, self._name, name, ["sh", "-c", SCRIPT])
            except ApiError as error:
                why = str(error)
        else:
            why = "--user is given"
        question = (
            f"{self._name}/{name}: {why}. Put an ephemeral container of {self._image} into the Pod? It ends at once, "
            "and its entry stays until the Pod ends"
        )
        if not may(question):
            raise VisitError(
                f"{why}; --ephemeral looks by an ephemeral container, whose entry stays until the Pod ends"
            )
        try:
            return self._by_ephemeral(container)
        except ApiError as error:
            raise VisitError(str(error)) from None

    def _by_ephemeral(self, container: Raw) -> str:
        visitor = f"loghook-discover-{uuid.uuid4().hex[:6]}"
        self._api.add_ephemeral(self._namespace, self._name, {
            "name": visitor,
            "image": self._image,
            "command": ["sh", "-c", SCRIPT],
            "targetContainerName": container["name"],
            "securityContext": self._context(container),
        })  # fmt: skip
        deadline = time.monotonic() + _PATIENCE
        while True:
            state = self._state(visitor)
            if "terminated" in state:
                lines = self._api.log_lines(self._namespace, self._name, visitor)
                return b"\n".join(lines).decode("utf-8", "replace")
            if time.monotonic() > deadline:
                why = (state.get("waiting") or {}).get("reason", "nothing is said of it")
                raise VisitError(f"the ephemeral container {visitor} has not run: {why}")
            time.sleep(0.5)

    def _state(self, visitor: str) -> Mapping[str, Any]:
        pod = self._api.read(f"/api/v1/namespaces/{self._namespace}/pods/{self._name}")
        statuses = (pod.get("status") or {}).get("ephemeralContainerStatuses") or ()
        return next((each.get("state") or {} for each in statuses if each["name"] == visitor), {})

    def _context(self, container: Raw) -> dict[str, Any]:
        """Who the application is, user and group: nobody else may see its files (ptrace(2), access mode checking)."""
        own = {**(self._pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
        uid = own.get("runAsUser") if self._uid is None else self._uid
        if not uid:
            capabilities = own.get("capabilities")
            return {"runAsUser": 0} | ({"capabilities": capabilities} if capabilities else {})
        return {
            "runAsUser": uid,
            **({"runAsGroup": own["runAsGroup"]} if "runAsGroup" in own else {}),
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
