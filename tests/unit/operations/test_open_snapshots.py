"""A drill opens each snapshot once, and restores all its components through that."""

import os
from pathlib import Path

from tests.unit.operations.restored import RestoredVault
from tests.unit.vault.written_trees import Thing, ThingTree

from rebond.operations.drills.open_snapshots import OpenSnapshots
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.progress import Silence

THINGS = ThingTree((b"", [(b"file", Thing(b"top"))]), (b"a", [(b"b", Thing(b"deep"))]))


def test_a_snapshot_is_opened_once_and_serves_several_restores(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    record, vault = place.save(THINGS), place.vault()
    with OpenSnapshots() as snapshots:
        reader = snapshots.open(vault, record)
        for number in range(2):
            target = tmp_path / f"out{number}"
            assert snapshots.open(vault, record, for_all=True) is reader
            request = RestoreRequest(target=os.fsencode(target), strip=1, keeps_owner=False)
            done = restore(vault, record, request, Silence(), opened=reader)
            assert (done.files, done.findings) == (2, ())
            assert (target / "a" / "b").read_bytes() == b"deep"
        assert snapshots.open(place.vault(), record) is not reader
        snapshots.close()
        assert snapshots.open(vault, record) is not reader
