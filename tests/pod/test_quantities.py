"""Kubernetes quantities, by the API's own rules and examples."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.pod.quantities import as_read, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1", "1"),
        ("100m", "0.1"),
        ("0.1", "0.1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("-5", "-5"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1E", "1000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("1e+3", "1000"),
        ("12n", "0.000000012"),
        ("7u", "0.000007"),
        ("0064Mi", "67108864"),
        (1, "1"),
        (0.5, "0.5"),
    ],
)
def test_reads_what_the_api_server_reads(text: str | float, value: str) -> None:
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" 512Mi ", "536870912"),
        ("  1", "1"),
        ("Ki", "0"),
        ("m", "0"),
        ("-k", "0"),
        ("+", "0"),
        (".", "0"),
        ("+.Mi", "0"),
        (2, "2"),
    ],
)
def test_reads_in_a_pod_what_the_api_server_reads_there(text: str | float, value: str) -> None:
    assert as_read(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", " ", "Ei", "K", "ki", "1 Gi", "\t1", "--", "+-1", "..", "mm"])
def test_refuses_in_a_pod_what_the_api_server_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        as_read(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 ", " 1", "1 Gi", "Gi", "m", "1GB", "1MiB", "1K", "1mi", "1g", "1ki", "--1", "1.1.1", "1,5", "1e1.5"],
)
def test_refuses_what_people_write(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["e3", "1e", "0x10", "1_000", "∞", "٣", "NaN", "Infinity", "1" * 33, "1e9999", ".", "+", "1\n", "1m\x00", "1µ"],
)
def test_refuses_what_python_might_take(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse(text)


@given(number=st.integers(0, 10**15), suffix=st.sampled_from(["", "m", "k", "Ki", "M", "Mi", "Gi"]))
def test_orders_quantities_as_their_numbers(number: int, suffix: str) -> None:
    assert parse(f"{number}{suffix}") < parse(f"{number + 1}{suffix}")
    assert parse(f"{number}Ki") == 1024 * parse(str(number)) == parse(f"{number * 1024}")


@given(text=st.text(alphabet="0123456789.eE+-mkKMGTPinu ", max_size=12))
def test_gives_a_finite_number_or_refuses(text: str) -> None:
    try:
        value = parse(text)
    except ValueError:
        return
    assert value.is_finite()


def test_copies_no_text_of_megabytes() -> None:
    assert as_read(f"{'1':>1024}") == 1
    with pytest.raises(ValueError, match="too long"):
        as_read(f"{'1':>1025}")
    with pytest.raises(ValueError, match="not a quantity: 'aaa") as refused:
        parse("a" * 1_000_000)
    assert len(str(refused.value)) < 100
