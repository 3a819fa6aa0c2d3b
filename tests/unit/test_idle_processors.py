"""What the system counts decides whether processors are idle; where it counts nothing they are busy."""

from pathlib import Path

import pytest

from rebond import idle_processors
from rebond.idle_processors import IdleProcessors


@pytest.mark.parametrize(
    ("used", "idle", "are_idle"), [(0, 200, True), (175, 25, True), (180, 20, False), (200, 0, False), (0, 0, False)]
)
def test_processors_are_idle_when_an_eighth_of_them_was(
    used: int, idle: int, are_idle: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_processors, "_LOOKS_EVERY_SECONDS", 0)
    counts = tmp_path / "stat"
    counts.write_text("cpu 1000 0 500 90000 100 0 0 0 7 7\ncpu0 1 2 3 4\n")
    processors = IdleProcessors(str(counts))

    assert not processors.are_idle(), "one look tells nothing"
    counts.write_text(f"cpu {1000 + used} 0 500 {90000 + idle} 100 0 0 0 7 7\n")

    assert processors.are_idle() is are_idle


@pytest.mark.parametrize("content", [None, "", "cpu\n", "other words\n"])
def test_where_nothing_is_counted_nothing_is_idle(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_processors, "_LOOKS_EVERY_SECONDS", 0)
    counts = tmp_path / "stat"
    if content is not None:
        counts.write_text(content)
    processors = IdleProcessors(str(counts))

    assert [processors.are_idle() for _ in range(2)] == [False, False]


def test_a_look_counts_for_a_while(tmp_path: Path) -> None:
    counts = tmp_path / "stat"
    counts.write_text("cpu 1000 0 500 90000 100 0 0 0\n")
    processors = IdleProcessors(str(counts))
    processors.are_idle()
    counts.write_text("cpu 1000 0 500 99000 100 0 0 0\n")
    processors._looked_at += 3600

    assert not processors.are_idle()
