"""Amazon CloudWatch Logs."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations.aws import Endpoint, Keys, Region
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Template

__all__ = ["CloudWatch"]


class CloudWatch(Destination):
    """Amazon CloudWatch Logs."""

    type: Literal["cloudwatch"]
    region: Region
    group: Annotated[Template, Option("a template of the log group", "/shop/{namespace}")] = "/loghook/{namespace}"
    stream: Annotated[Template, Option("a template of the log stream", "{pod}")] = "{pod}/{source}"
    create_group: Annotated[bool, Option("whether the agent makes the group")] = False
    retention_days: Annotated[
        Annotated[int, Field(gt=0, le=3653)] | None,
        Option(
            "how long a group that it makes keeps records", tries={"retentionDays": 30, "retentionDays: 1096": 1096}
        ),
    ] = None
    keys: Keys = None
    endpoint: Endpoint = None

    title: ClassVar = "Amazon CloudWatch Logs"
    about: ClassVar = "Amazon CloudWatch Logs."
    example: ClassVar = {
        "region": "eu-central-1",
        "group": "/kubernetes/{namespace}",
        "createGroup": True,
        "retentionDays": 30,
        "keys": {
            "accessKeyId": {"secret": "logs", "key": "id"},
            "secretAccessKey": {"secret": "logs", "key": "secret"},
        },
    }
    templates: ClassVar = ("group", "stream")
