"""`loghook verify`: prove from outside that the webhook of a cluster works."""

import time

from webhook.cli.failures import FailedError, InputError
from webhook.cli.terminal import say, show
from webhook.cluster.advice_verification import verify_advice
from webhook.cluster.api import ApiError, connect
from webhook.cluster.registration import Unproven
from webhook.cluster.verification import verify

__all__ = ["run"]


_PAUSE_SECONDS = 1.0


def run(configuration: str, validating: str, namespace: str, *, indirect: bool, timeout: float) -> int:
    """Verify, again and again until the time is up, and return the exit code.

    `validating` is the name of the registration for what is applied; empty where there is none.
    """
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
            if validating:
                verify_advice(api, validating, namespace, proven.append, is_asked=not indirect)
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
