"""Google Cloud Logging."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations.connections import KEY, SecretKey
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Word

__all__ = ["GoogleCloud"]


class GoogleCloud(Destination):
    """Google Cloud Logging; without credentials by Workload Identity."""

    type: Literal["google-cloud"]
    project: Annotated[Word, Option("the project")]
    cluster: Annotated[Word, Option("the cluster's name, for the `k8s_container` resource")]
    location: Annotated[Word, Option("the cluster's region or zone")]
    credentials: Annotated[
        SecretKey | None,
        Option("a key of a Secret: the service account's key file; without, Workload Identity", KEY),
    ] = None

    title: ClassVar = "Google Cloud Logging"
    about: ClassVar = "Google Cloud Logging, as `k8s_container` resources."
    example: ClassVar = {
        "project": "example",
        "cluster": "production",
        "location": "europe-west3",
        "credentials": {"secret": "logs", "key": "key.json"},
    }
    files: ClassVar = ("credentials",)
