"""Proves from outside that whoever applies something is told what is wrong with it, step by step."""

import uuid
from collections.abc import Callable
from typing import Any

from webhook.annotations.registry import PREFIX
from webhook.cluster.api import Api, ApiError
from webhook.cluster.endpoint import Answer, Endpoint, EndpointError, endpoint
from webhook.cluster.registration import Unproven, bundled, entry
from webhook.inquiry import inquiry

__all__ = ["verify_advice"]

WEBHOOK = "workloads.loghook.dev"
_MISTAKE = "LH111"  # what is wrong with the template below


def verify_advice(
    api: Api, configuration: str, namespace: str, proven: Callable[[str], None], *, is_asked: bool = True
) -> None:
    """Tell `proven` each thing that is true of the webhook for what is applied; raise Unproven where one is not.

    As `webhook.cluster.verification.verify` does for Pods. What is tried is a PodTemplate, of which no Pod ever comes.
    """
    webhook = entry(api.validating_configuration, "ValidatingWebhookConfiguration", configuration, WEBHOOK)
    try:
        place = endpoint(api, webhook)
        proven(f"{configuration} is registered for what is applied, and {bundled(place)}")
        if is_asked:
            review = inquiry(_template(), namespace or "default", str(uuid.uuid4()), "loghook verify", "PodTemplate")
            _is_told(place, place.ask(review))
            proven("it says what is wrong with a template")
    except EndpointError as error:
        raise Unproven(str(error)) from None
    if namespace:
        _is_told_by_the_api_server(api, namespace)
        proven(f"the API server says what is wrong with a template in {namespace}")


def _is_told(place: Endpoint, answer: Answer) -> None:
    status = answer.response.get("status") or {}
    if _MISTAKE not in f"{answer.response.get('warnings')} {status.get('message')}":
        raise Unproven(f"{place} answers, but does not say what is wrong with a template: is another version running?")


def _is_told_by_the_api_server(api: Api, namespace: str) -> None:
    """Find the mistake among the warnings, or in the refusal where the administrator wants one."""
    try:
        said = " ".join(api.try_template(namespace, _template()))
    except ApiError as error:
        said = str(error)
        if _MISTAKE not in said:
            raise Unproven(said) from None
    if _MISTAKE not in said:
        raise Unproven(
            f"the API server says nothing of a wrong template in {namespace}: it does not call the webhook for it, or "
            "does not reach it"
        )


def _template() -> dict[str, Any]:
    """Return a PodTemplate with a mistake in its annotations."""
    annotations = {f"{PREFIX}paths": "relative.log", f"{PREFIX}on-error": "reject"}
    return {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": f"loghook-verify-{uuid.uuid4().hex[:8]}"},
        "template": {
            "metadata": {"annotations": annotations},
            "spec": {"containers": [{"name": "app", "image": "example.com/app"}]},
        },
    }
