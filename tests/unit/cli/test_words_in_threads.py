"""What a thread says is said as the rest of the program says it: in its language, and in its zone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rebond.cli.output.speech import language, speak, speaking, tr
from rebond.units import format_iso, format_moment, parse_moment, tell_times_in

MOMENT_MS = 1_770_208_327_000
KATHMANDU = "2026-02-04 18:17:07 +05:45"


@pytest.fixture(autouse=True)
def told_elsewhere() -> Iterator[None]:
    before = language()
    speak("fr")
    tell_times_in(lambda: ZoneInfo("Asia/Kathmandu"))
    yield
    speak(before)
    tell_times_in(lambda: None)


def in_a_thread(ask: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(ask).result()


def test_a_time_is_told_and_read_in_the_zone_that_was_chosen() -> None:
    for ask in (lambda call: call(), in_a_thread):
        assert ask(lambda: format_moment(MOMENT_MS)) == KATHMANDU
        assert (
            format_iso(ask(lambda: parse_moment("2026-02-04 18:17:07", now_ms=MOMENT_MS))) == "2026-02-04T12:32:07.000Z"
        )


def test_words_are_in_the_language_that_was_chosen() -> None:
    assert in_a_thread(lambda: tr("No snapshot fits.")) == tr("No snapshot fits.") == "Aucune sauvegarde ne correspond."
    with speaking("en"):
        assert in_a_thread(language) == "en"
    assert in_a_thread(language) == "fr"
