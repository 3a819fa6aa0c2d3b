"""What a server says when it has not kept the next file of its log, in its own language."""

import pytest

from rebond.sources.postgres.wal_stream import says_removed

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
