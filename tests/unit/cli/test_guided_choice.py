"""Which snapshot is meant at the questions of ``rebond restore``, and what is printed for the next time."""

import shlex

import msgspec
import pytest
from tests.unit.stack.test_objectives import record_at

from rebond.cli.in_place.guided import choose_named, choose_shown, name_places
from rebond.cli.invocation import Invocation
from rebond.identifiers import SnapshotId

NOW_MS = 1_770_000_000_000
HISTORY = [
    msgspec.structs.replace(
        record_at(NOW_MS - (50 - number) * 3_600_000), snapshot=SnapshotId(bytes([number // 2, number]) + bytes(14))
    )
    for number in range(50)
]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0001", 1), ("0103", 3), (HISTORY[7].snapshot.hex(), 7), ("0C19", 25), ("00", None), ("", None), ("ffff", None)],
)
def test_a_snapshot_older_than_those_that_are_shown_is_named_by_its_id(text: str, number: int | None) -> None:
    assert HISTORY[7] not in choose_shown(HISTORY, NOW_MS)
    assert choose_named(HISTORY, text) is (None if number is None else HISTORY[number])


def test_two_that_begin_alike_are_none() -> None:
    twin = msgspec.structs.replace(HISTORY[7], snapshot=SnapshotId(HISTORY[7].snapshot[:8] + b"x" * 8))

    assert choose_named([*HISTORY, twin], "0307") is None


def test_the_command_for_next_time_names_what_was_named_on_this_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("a vault")
    named = name_places(Invocation(environment={}, config="rebond.toml", vault=str(folder)))

    assert [each.rpartition("/")[2] for each in named] == ["--config", "rebond.toml", "--vault", folder.name]
    assert named[1].startswith("/")
    assert shlex.quote(named[3]) != named[3]
    assert name_places(Invocation(environment={"REBOND_CONFIG": "x"})) == []
