"""When it is time to look: soon after news that only a look explains, and never so often that looks cost much."""

import pytest

from webhook.reader.pace import Pace


@pytest.mark.parametrize("seconds", [0.0001, 0.01, 0.2])
def test_looks_that_news_ask_for_take_a_twentieth_of_a_core_at_most(seconds: float) -> None:
    pace, now, spent = Pace(), 0.0, 0.0
    while now < 100:
        spent += seconds
        now += seconds
        pace.looked(now, seconds, untold=False)
        now = pace.next_look(asked=True)  # the news never end
    assert spent <= 100 / 20 + seconds


def test_looks_soon_where_news_ask_for_it_and_a_look_is_cheap() -> None:
    pace = Pace()
    pace.looked(10.0, 0.0002, untold=False)
    assert pace.next_look(asked=True) - 10.0 < 0.01
    assert pace.next_look(asked=False) - 10.0 == 1.0


def test_looks_often_where_there_is_no_news_and_something_to_find() -> None:
    pace = Pace()
    for _look in range(3):
        pace.looked(10.0, 0.0001, untold=True)
    assert not pace.is_told
    assert pace.next_look(asked=False) - 10.0 < 0.1
