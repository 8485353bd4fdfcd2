"""The cluster that a command looks at, and by which configuration it judges: with words for what cannot be had."""

from pathlib import Path
from typing import Any

from webhook.cli import configuration
from webhook.cli.failures import FailedError, InputError
from webhook.cluster.api import Api, ApiError, connect
from webhook.cluster.installation import configured, place, registered
from webhook.config.loghook_yaml import Config
from webhook.standing.ours import Raw
from webhook.standing.registration import Registered, judged, webhooks_of

__all__ = ["Installed", "reached"]


def reached(context: str | None) -> Api:
    """The cluster of `context`, or the current one. Raises InputError."""
    try:
        return connect(context)
    except ApiError as error:
        raise InputError(str(error)) from None


class Installed:
    """What is installed in a cluster: registrations, and the configuration that holds.

    `origin` says where the configuration is from; where it could not be had, that it is the built-in one, and why.
    Raises FailedError where the cluster does not answer, and InputError for a configuration that cannot be used.
    """

    def __init__(self, api: Api, file: Path | None) -> None:
        self._api = api
        try:
            self.registrations: list[dict[str, Any]] = registered(api)
        except ApiError as error:
            raise FailedError(str(error)) from None
        self.config, self.origin = self._configuration(file)

    def _configuration(self, file: Path | None) -> tuple[Config, str]:
        if file is not None:
            return configuration.read(file), str(file)
        if not self.registrations:
            return Config(), "built in: nothing is installed"
        try:
            text, origin = configured(self._api, self.registrations[0])
        except ApiError as error:
            return Config(), f"built in, which may not be the installation's: {error}"
        return configuration.parse(text.encode(), origin), origin

    def judged(self, pod: Raw, namespace: str) -> tuple[Registered, ...]:
        """What `pod`, created in `namespace`, meets of each registration. Raises ApiError."""
        where = place(self._api, namespace)
        return tuple(judged(name, webhook, pod, where) for name, webhook in webhooks_of(self.registrations))
