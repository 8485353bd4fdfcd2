"""What all models of the configuration share: frozen, strict about names, and written in Kubernetes' camel case."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from webhook.pod import quantities

__all__ = ["QUANTITY", "Model", "Quantity", "Text"]


QUANTITY = r"^\+?([0-9]{1,32}(\.[0-9]{0,32})?|\.[0-9]{1,32})([eE][+-]?[0-9]{1,3}|[numkMGTPE]|[KMGTPE]i)?$"
"""What a quantity that is not negative looks like, for a JSON Schema."""


def _quantity(text: str) -> str:
    if quantities.parse(text) < 0:
        raise ValueError("a quantity is not negative")
    return text


def _as_text(value: object) -> object:
    """YAML reads `cpu: 1` as a number and `x: true` as a boolean: both mean the text as it was written."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


# What pydantic cannot read off a validator, the JSON Schema of the configuration has from `json_schema_extra`.
Text = Annotated[str, BeforeValidator(_as_text), Field(json_schema_extra={"type": ["string", "number", "boolean"]})]
Quantity = Annotated[Text, AfterValidator(_quantity), Field(json_schema_extra={"pattern": QUANTITY, "minimum": 0})]


class Model(BaseModel):
    """A part of `loghook.yaml`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )
