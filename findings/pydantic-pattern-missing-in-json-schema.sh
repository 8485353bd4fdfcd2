#!/bin/sh
# pydantic 2.14.3: a `pattern` behind a BeforeValidator is checked, and is not in the JSON Schema; a `min_length` at the
# same place is in both. So a schema that is generated for editors or for Helm takes what the model refuses.
# Cause: for a function schema the pattern becomes a second step of a chain, and the schema of a chain is its first step.
# Seen: {'minLength': 1, 'title': 'A', 'type': 'string'} while 'b' is refused. Fails if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydantic==2.14.3
"$work/venv/bin/python" - <<'PY'
import sys
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError


class Plain(BaseModel):
    a: Annotated[str, Field(pattern="^a$", min_length=1)]


class Before(BaseModel):
    a: Annotated[str, BeforeValidator(str), Field(pattern="^a$", min_length=1)]


def refuses(model: type[BaseModel]) -> bool:
    try:
        model(a="b")
    except ValidationError:
        return True
    return False


plain, before = (model.model_json_schema()["properties"]["a"] for model in (Plain, Before))
print(plain, before, sep="\n")
sys.exit(not (refuses(Plain) and refuses(Before) and plain["pattern"] == "^a$" and before["minLength"] == 1
              and "pattern" not in before))
PY
