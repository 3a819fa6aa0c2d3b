"""How the log of a component stands, while it goes on."""

import pathlib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.operations.wal.archived import set_stage

from rebond.cli.commands import wal_status
from rebond.errors import SourceUnreachable
from rebond.operations.wal.tails import put_tail
from rebond.testing.wal_segments import SEGMENT_BYTES, SYSTEM_ID, make_segment, name_segment


def test_a_log_that_goes_on_between_two_looks_is_not_said_to_have_a_gap(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = set_stage(tmp_path)
    stage.push(1, [3, 4])
    looked: list[str] = []

    def look(name: str) -> None:
        true = getattr(wal_status, name)

        def late(*words: Any) -> Any:
            if len(looked) == 1:  # a segment is whole by now, and the next one has begun
                stage.push(1, [5])
                put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 6), make_segment(1, 6)[:4000], 0, sequence=6)
            looked.append(name)
            return true(*words)

        monkeypatch.setattr(wal_status, name, late)

    def ask(*_: object) -> None:
        raise SourceUnreachable("It is down.")

    look("list_tails")
    look("survey_wal")
    for name, value in {"wal_socket_of": tmp_path, "folder_of": tmp_path, "notes_of": tmp_path / "none"}.items():
        monkeypatch.setattr(wal_status, name, lambda *_, value=value: value)
    monkeypatch.setattr(wal_status, "ask_server", ask)
    loaded: Any = SimpleNamespace(configuration=SimpleNamespace(stack=SimpleNamespace(name="shop")))
    component: Any = SimpleNamespace(wal="receive", window=None)
    told = wal_status._look(SimpleNamespace(state_folder=tmp_path), loaded, "db", component, stage.open(), 1)  # type: ignore[arg-type]
    assert set(looked) == {"list_tails", "survey_wal"}
    assert not told.has_gaps
    assert told.frontier == 6 * SEGMENT_BYTES + 4000
