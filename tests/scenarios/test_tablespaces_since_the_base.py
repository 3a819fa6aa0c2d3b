"""Tablespaces that a server made after its base backup: the log names places where the live server has its tables."""

import os
import pathlib
import shutil

import pytest
from tests.scenarios.archived_server import ArchivedStack
from tests.scenarios.test_point_in_time import folder, make_stack  # noqa: F401 - a fixture

from rebond.errors import SourceUnfit
from rebond.operations.physical.targets import LATEST, SET

pytestmark = pytest.mark.judge("postgres")


def make_tablespace(stack: ArchivedStack, name: str, place: str) -> pathlib.Path:
    made = stack.server.folder / place
    made.mkdir()
    if not os.geteuid():
        shutil.chown(made, stack.server.folder.owner())
    quoted = str(made).replace("'", "''")
    stack.server.sql(f"CREATE TABLESPACE {name} LOCATION '{quoted}'")
    return made


def list_contents(place: pathlib.Path) -> dict[str, bytes]:
    return {str(each.relative_to(place)): each.read_bytes() for each in sorted(place.rglob("*")) if each.is_file()}


def test_what_is_restored_beside_a_living_server_leaves_its_tablespaces_alone(
    folder: pathlib.Path,  # noqa: F811
) -> None:
    with make_stack() as stack:
        stack.back_up()
        place = make_tablespace(stack, "space", "made later\nthere é")
        stack.server.sql("CREATE TABLE far TABLESPACE space AS SELECT g AS id FROM generate_series(1, 5000) AS g")
        gone = make_tablespace(stack, "gone", "dropped")
        stack.server.sql("CREATE TABLE nearby TABLESPACE gone AS SELECT 1 AS id")
        stack.switch()
        stack.server.sql("DROP TABLE nearby")
        stack.server.sql("DROP TABLESPACE gone")
        stack.switch()
        stack.server.sql("UPDATE far SET id = id + 10000; CHECKPOINT")  # not in the archive yet
        (gone / "of somebody else").write_text("stays")
        before = list_contents(place)

        server, recovered = stack.start(folder / "r", LATEST)
        try:
            assert recovered.is_promoted
            assert server.ask("SELECT count(*), max(id) FROM far", "postgres").strip() == "5000|5000"
            server.ask("INSERT INTO far SELECT generate_series(1, 5000)", "postgres")
            server.ask("CHECKPOINT", "postgres")
            assert list_contents(place) == before
            assert "space" in server.ask("SELECT spcname FROM pg_tablespace", "postgres").split()
            assert "gone" not in server.ask("SELECT spcname FROM pg_tablespace", "postgres").split()
        finally:
            server.remove()
        assert list_contents(place) == before
        assert stack.server.sql("SELECT count(*), max(id) FROM far") == "5000|15000\n"
        assert list_contents(gone) == {"of somebody else": b"stays"}


def test_a_tablespace_inside_is_saved_or_the_server_is_refused(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        stack.server.sql("SET allow_in_place_tablespaces = on; CREATE TABLESPACE inside LOCATION ''")
        stack.server.sql("CREATE TABLE kept TABLESPACE inside AS SELECT generate_series(1, 300) AS id")
        if stack.server.major < 16:
            with pytest.raises(SourceUnfit, match="a tablespace inside its data directory"):
                stack.back_up()
            number = stack.server.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'inside'").strip()
            stack.server.stop()
            moved = stack.server.folder / "moved out"
            link = stack.server.data / "pg_tblspc" / number
            link.rename(moved)
            link.symlink_to(moved)
            stack.server.start()
        outcome = stack.back_up()
        server, _ = stack.start(folder / "r", SET, outcome.record)
        try:
            assert server.ask("SELECT count(*) FROM kept", "postgres").strip() == "300"
        finally:
            server.remove()
