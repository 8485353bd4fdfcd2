"""`loghook verify`: prove from outside that the webhook of a cluster works."""

import time
from typing import Annotated

import typer

from webhook.cli.failures import FailedError, InputError
from webhook.cli.terminal import say, show

__all__ = ["HELP", "command"]

HELP = """Prove from outside that the webhook of a cluster works.

Reads the live MutatingWebhookConfiguration, posts a review to the Service that it names, over a connection that its
caBundle vouches for, and looks for a sidecar in the answer. With --namespace it also creates a Pod there as a dry run,
which proves that the API server reaches the webhook. Nothing is stored.

The cluster is that of KUBECONFIG, else the one that this Pod runs in; Services must be within reach, as they are in a
Pod. `helm test` runs this.

\b
  loghook verify --webhook-configuration loghook --namespace shop

\b
Exit code:
  0  it works; stdout has a line for each thing that is proven
  1  it does not, also not after --timeout-seconds; stderr says what is wrong
  2  wrong use, or no access to a cluster
"""

_PAUSE_SECONDS = 1.0


def command(
    configuration: Annotated[
        str, typer.Option("--webhook-configuration", metavar="NAME", help="The MutatingWebhookConfiguration.")
    ],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Where to try a Pod, as a dry run.")
    ] = "",
    indirect: Annotated[  # noqa: FBT002 - an option is named where it is used
        bool,
        typer.Option("--indirect", help="Ask through the API server alone, for a webhook with --client-ca."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option("--timeout-seconds", metavar="N", min=0, help="How long it may take until it works."),
    ] = 0,
) -> int:
    """Verify, again and again until the time is up, and return the exit code."""
    from webhook.cluster.api import ApiError, connect  # noqa: PLC0415 - the client is large, others need none
    from webhook.cluster.verification import Unproven, verify  # noqa: PLC0415 - as above

    try:
        api = connect()
    except ApiError as error:
        raise InputError(str(error)) from None
    if indirect and not namespace:
        raise InputError("--indirect needs --namespace, where a Pod is tried (see --help)")
    deadline = time.monotonic() + timeout
    said = ""
    while True:
        proven: list[str] = []
        try:
            verify(api, configuration, namespace, proven.append, is_asked=not indirect)
        except Unproven as error:
            if time.monotonic() >= deadline:
                show(*(f"ok  {line}" for line in proven))
                raise FailedError(str(error)) from None
            if said != (said := str(error)):
                say(f"waiting: {said}")
            time.sleep(_PAUSE_SECONDS)
        else:
            show(*(f"ok  {line}" for line in proven))
            return 0
