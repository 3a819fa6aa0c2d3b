"""What keeps a log from being received: a file that its server has not kept, a program of this machine."""

import pathlib

import pytest

from rebond.errors import SourceUnfit
from rebond.sources.postgres.programs import Programs
from rebond.sources.postgres.wal_stream import require_receiver, says_removed
from rebond.stack.advice.installing import install_postgres_client

PREFIX = "pg_receivewal: error: unexpected termination of replication stream: "
NAME = "000000010000002A000000FF"


@pytest.mark.parametrize(
    "said",
    [
        f"ERROR:  requested WAL segment {NAME} has already been removed",
        f"ERREUR:  le segment demandé du journal de transaction, {NAME}, a déjà été supprimé",
        f"FEHLER:  das angeforderte WAL-Segment {NAME} wurde schon entfernt",
        f"ERROR:  要求された WAL セグメント {NAME} はすでに削除されています",
    ],
)
def test_a_segment_that_was_removed_is_told_in_every_language(said: str) -> None:
    assert says_removed(PREFIX + said)
    assert says_removed(f"pg_receivewal: starting log streaming | {PREFIX}{said} | pg_receivewal: disconnected")


@pytest.mark.parametrize(
    "said",
    [
        f'ERROR:  could not open file "pg_wal/{NAME}": Permission denied',
        f"ERROR:  could not read from WAL segment {NAME}, offset 8192: Input/output error",
        f"ERREUR:  n'a pas pu lire le segment {NAME}, décalage 8192 : Erreur d'entrée/sortie",
        "server closed the connection unexpectedly",
        "FATAL:  terminating connection due to administrator command",
    ],
)
def test_another_error_is_no_gap(said: str) -> None:
    assert not says_removed(PREFIX + said)


@pytest.mark.parametrize("major", [15, 16, 18])
def test_a_receiver_that_is_missing_or_too_old_is_told_with_what_installs_one(
    tmp_path: pathlib.Path, major: int
) -> None:
    folder = f"{tmp_path}/"
    programs = Programs(major=16, psql=f"{folder}psql", pg_dump=f"{folder}pg_dump", pg_dumpall=f"{folder}pg_dumpall")
    with pytest.raises(SourceUnfit, match="pg_receivewal is not installed on this machine") as missing:
        require_receiver(programs, major)
    assert f"postgresql-client-{major}" in missing.value.hint

    (tmp_path / "pg_receivewal").touch(0o755)
    if major <= programs.major:
        require_receiver(programs, major)
        return
    with pytest.raises(SourceUnfit, match="The server is PostgreSQL 18, and pg_receivewal is of version 16") as old:
        require_receiver(programs, major)
    assert "postgresql-client-18" in old.value.hint


@pytest.mark.parametrize(
    ("manager", "line"),
    [
        ("apt-get", "sudo apt-get install -y postgresql-client-17"),
        ("apk", "sudo apk add postgresql17-client"),
        ("dnf", "sudo dnf install -y postgresql17"),
    ],
)
def test_the_programs_of_a_version_are_installed_by_the_name_that_the_system_has_for_them(
    tmp_path: pathlib.Path, manager: str, line: str
) -> None:
    (tmp_path / manager).write_text("#!/bin/sh\n")
    (tmp_path / manager).chmod(0o755)
    assert install_postgres_client(17, {"PATH": str(tmp_path)}, is_root=False) == line
