"""What Fluent Bit does by scripts of ours, in LuaJIT as it has it: the lines of the table that are read by them alone.

No package registry has Fluent Bit, so this is where CI sees these scripts.
"""

from typing import Any

import pytest
from agents import CASES, Case
from lupa import luajit21  # type: ignore[import-untyped]  # it has no types
from shipments import parsing, stream

from webhook.sidecars.fluent_bit.parsing import steps

LOGFMT = [case for case in CASES if case.parsing.format.syntax == "logfmt" and not {"redact"} & case.options.keys()]


def script(call: str, **options: Any) -> luajit21.LuaRuntime:
    """LuaJIT with the script of the step that calls `call`."""
    (code,) = [step["code"] for step in steps(stream(**options)) if step.get("call") == call]
    runtime = luajit21.LuaRuntime(encoding=None)
    runtime.execute(code.encode())
    return runtime


def made(runtime: luajit21.LuaRuntime, call: str, record: dict[bytes, bytes]) -> dict[str, Any]:
    """The record that `call` makes of `record`."""
    function = runtime.eval(f"function(record) return {call}('tag', 0, record) end".encode())
    found = function(runtime.table_from(record))[2]
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: object) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


@pytest.mark.parametrize("line", LOGFMT, ids=lambda line: line.name)
def test_a_line_of_logfmt_is_the_right_record(line: Case) -> None:
    runtime = script("logfmt", parsing=line.parsing)
    fields = line.expected("fluent-bit")[0].fields  # later steps give some of them other names
    right = {name.removesuffix(".value").removesuffix("_original"): value for name, value in fields.items()}
    assert made(runtime, "logfmt", {b"message": line.text.removesuffix(b"\n")}) == right


@pytest.mark.parametrize("number", ["9999999999", "99999999999", "12", "0", "4000000000000", "1e300"])
def test_no_number_beyond_a_time_of_fluent_bit_becomes_one(number: str) -> None:
    """One that its encoder refuses leaves all records of its chunk as they were."""
    call = script("json", parsing=parsing("json")).eval(b"function(r) return json('tag', 0, r) end")
    assert call({b"message": b'{"time":%s}' % number.encode()})[0] == 0


@pytest.mark.parametrize("number", ["1795429230", '"1795429230"', "1795429230.0", "1795429230000", "1.79542923e9"])
def test_a_number_is_a_time_however_it_is_written(number: str) -> None:
    call = script("json", parsing=parsing("json")).eval(b"function(r) return json('tag', 0, r) end")
    code, time, _ = call({b"message": b'{"time":%s}' % number.encode()})
    assert (code, time[b"sec"], time[b"nsec"]) == (1, 1795429230, 0)


def test_a_doubled_quote_is_one_and_a_line_that_is_no_csv_stays_as_it_is() -> None:
    runtime = script("undoubled", parsing=parsing("csv"))
    assert made(runtime, "undoubled", {b"column1": b'a ""b"" c', b"column2": b"d"}) == {
        "column1": 'a "b" c',
        "column2": "d",
    }
    assert made(runtime, "undoubled", {b"message": b'a,"" b'}) == {"message": 'a,"" b'}


def test_a_field_that_cannot_be_read_as_its_type_stays_text() -> None:
    case = next(case for case in CASES if case.name == "own/types-not")
    runtime = script("typed", parsing=case.parsing)
    assert made(runtime, "typed", {b"a": b"x", b"b": b"1.5", b"c": b"TRUE"}) == {"a": "x", "b": 1.5, "c": True}
