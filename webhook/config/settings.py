"""What all models of the configuration share: frozen, strict about names, and written in Kubernetes' camel case."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from webhook.pod import quantities

__all__ = ["Model", "Quantity", "Text"]


def _quantity(text: str) -> str:
    if quantities.parse(text) < 0:
        raise ValueError("a quantity is not negative")
    return text


def _as_text(value: object) -> object:
    """YAML reads `cpu: 1` as a number and `x: true` as a boolean: both mean the text as it was written."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Quantity = Annotated[Text, AfterValidator(_quantity)]


class Model(BaseModel):
    """A part of `loghook.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)
