"""The moves of a swap: how often its paths are looked through, and what cannot be read of a live tree."""

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from rebond.operations.recovery import swap_steps
from rebond.operations.recovery.swapping import LiveShape, SwapQuestion, plan_swap

FILES = 60


class Counted(list[bytes]):
    """A list that counts how often somebody looks for something in it from its beginning."""

    looked = 0

    def __contains__(self, path: object) -> bool:
        Counted.looked += 1
        return super().__contains__(path)


@pytest.fixture
def question(tmp_path: Path) -> SwapQuestion:
    for name in ("place", "new"):
        (tmp_path / name).mkdir()
        for number in range(FILES):
            (tmp_path / name / f"{number}").write_text(name)
    place, new, old, added = (os.fsencode(tmp_path / name) for name in ("place", "new", "old", "added"))
    shape = LiveShape(mixed={b"": frozenset({b"mine"})})
    return SwapQuestion(place=place, new=new, old=old, added=added, shape=shape, is_wanted=lambda _: True)


def test_a_million_paths_are_not_looked_through_for_each_of_them(
    question: SwapQuestion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = plan_swap(question)
    assert len(swap.puts) == FILES
    counted = replace(swap, asides=Counted(swap.asides), puts=Counted(swap.puts), databases=Counted(swap.databases))
    monkeypatch.setattr(swap_steps, "sync_file_system", lambda _: None)

    swap_steps.set_aside(counted)
    swap_steps.put(counted)
    assert (tmp_path / "place" / "7").read_text() == "new"
    swap_steps.take_back(counted)

    assert (tmp_path / "place" / "7").read_text() == "place"
    assert Counted.looked == 0


def test_a_live_file_that_cannot_be_read_is_replaced(
    question: SwapQuestion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector is the likeliest reason for a restore."""
    real = open

    def fail(path: object, *words: object, **named: object) -> object:
        if os.fsdecode(path).startswith(str(tmp_path / "place")):  # type: ignore[arg-type]
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *words, **named)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", fail)

    assert len(plan_swap(question).puts) == FILES
