"""What a restore in place remembers of databases, also of those whose names are no UTF-8."""

from pathlib import Path

import msgspec
import pytest

from rebond.operations.recovery.database_part import DatabasePart, _Names


@pytest.fixture
def part(tmp_path: Path) -> DatabasePart:
    folder = tmp_path / "runs" / "run" / "db"
    folder.mkdir(parents=True)

    def find_target() -> None:
        raise AssertionError("no server is asked")

    return DatabasePart("db", find_target, run="run", folder=folder, source=None)  # type: ignore[arg-type]


def names_of(name: str) -> list[_Names]:
    return [_Names(saved=name, name=name, new=f"{name}_new", aside=f"{name}_old", since="", had_been_there=True)]


@pytest.mark.parametrize("name", ["shop", "caf\udce9", "été"])
def test_names_come_back_as_the_server_has_them(part: DatabasePart, name: str) -> None:
    part._keep(names_of(name))

    assert part._find_names() == names_of(name)


def test_what_was_written_in_one_line_is_read(part: DatabasePart, tmp_path: Path) -> None:
    """As a run wrote it that a newer program goes on with."""
    (tmp_path / "runs" / "run" / "db" / "databases").write_bytes(msgspec.json.encode(names_of("shop")))

    assert part._find_names() == names_of("shop")
