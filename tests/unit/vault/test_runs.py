"""Run records: sealed, signed, numbered, and read back only as far as needed."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from tests.unit.vault.kept_vault import KeptVault

from rebond.errors import RoleTooSmall
from rebond.findings import Finding
from rebond.identifiers import random_id
from rebond.vault.runs import (
    begin_record,
    find_forgotten,
    find_newest_census,
    names_in_rows,
    put_run,
    read_runs,
    rows_of_names,
)

NAMES = [f"snapshots/{'11' * 8}/{'22' * 16}.{n:02x}{'33' * 15}" for n in range(3)]


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    return KeptVault(tmp_path)


def put(kept: KeptVault, **words: object) -> str:
    record = msgspec.structs.replace(begin_record(random_id(), "prune", kept.clock), **words)
    return put_run(kept.store, kept.vault.credentials, record)[0]


def test_names_of_records_are_packed_and_come_back() -> None:
    assert list(names_in_rows(rows_of_names([*NAMES, "packs/aa/bb"]))) == NAMES


def test_runs_are_numbered_and_read_newest_first(kept: KeptVault) -> None:
    assert [put(kept, packs=number) for number in range(3)] == ["runs/1", "runs/2", "runs/3"]
    assert [run.record.packs for run in read_runs(kept.vault)] == [2, 1, 0]


def test_the_newest_census_is_the_newest_record_that_knows(kept: KeptVault) -> None:
    put(kept, knows_records=True, known=rows_of_names(NAMES[:1]))
    put(kept, knows_records=True, known=rows_of_names(NAMES))
    put(kept, forgotten=rows_of_names(NAMES[:1]))

    census = find_newest_census(kept.vault)

    assert census is not None
    assert census.known_names == set(NAMES)
    assert find_forgotten(kept.vault, NAMES) == {NAMES[0]}


@pytest.mark.parametrize("how", ["stranger", "renamed", "flipped"])
def test_a_record_that_does_not_verify_is_passed_over_and_told(kept: KeptVault, how: str) -> None:
    heard: list[Finding] = []
    vault = replace(kept.vault, report=heard.append)
    name = put(kept, packs=7)
    content = bytearray(kept.store.read(name))
    kept.store.delete(name)
    if how == "stranger":
        stranger = replace(kept.vault.credentials, signing_key=Ed25519PrivateKey.generate())
        put_run(kept.store, stranger, begin_record(random_id(), "prune", kept.clock))
    elif how == "renamed":
        kept.store.put_if_absent("runs/5", bytes(content))
    else:
        content[100] ^= 1
        kept.store.put_if_absent(name, bytes(content))

    assert list(read_runs(vault)) == []
    assert [finding.code for finding in heard] == ["run-invalid"]


def test_a_writer_neither_makes_nor_reads_run_records(kept: KeptVault) -> None:
    writer = replace(kept.vault.credentials, catalog_roots=())

    with pytest.raises(RoleTooSmall):
        put_run(kept.store, writer, begin_record(random_id(), "prune", kept.clock))
    with pytest.raises(RoleTooSmall):
        list(read_runs(replace(kept.vault, credentials=writer)))
