"""The ledger goes into the vault: what is new, once, caught up after a silence, read back by its owner alone."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.history.test_checking import open_as
from tests.unit.vault.owned_vault import OwnedVault, own_a_vault

from rebond.errors import StoreUnreachable
from rebond.history import sealing
from rebond.history.ledger import Ledger
from rebond.history.lines import BEGAN, ENDED
from rebond.history.runs import RunFilter, runs_of_lines
from rebond.history.sealing import may_seal, parse_item, seal_ledger
from rebond.history.vault_ledgers import read_vault_ledgers
from rebond.testing.faulty_store import FaultyStore
from rebond.vault.access import Vault
from rebond.vault.streams import list_items


@pytest.fixture
def made() -> OwnedVault:
    return own_a_vault()


@pytest.fixture
def writer(made: OwnedVault, tmp_path: Path) -> Vault:
    return open_as(made, tmp_path, "writer")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "history", host="here", file_bytes=900)


def add(ledger: Ledger, first: int, last: int) -> None:
    for number in range(first, last + 1):
        ledger.append(BEGAN, {"run": f"r{number}", "kind": "backup", "host": "here"})


def spans(vault: Vault) -> list[tuple[int, int]]:
    names = [parse_item(item) for item in list_items(vault)]
    return sorted((name.first, name.last) for name in names if name is not None)


def test_what_is_new_is_put_at_each_end_of_a_run(
    made: OwnedVault, writer: Vault, ledger: Ledger, tmp_path: Path
) -> None:
    assert seal_ledger(writer, ledger) == []  # nothing was written yet
    add(ledger, 1, 5)
    seal_ledger(writer, ledger)
    seal_ledger(writer, ledger)
    add(ledger, 6, 7)
    seal_ledger(writer, ledger)

    assert spans(writer) == [(0, 5), (6, 7)]
    (found,) = read_vault_ledgers(open_as(made, tmp_path, "owner"))
    assert (found.host, found.chain, sorted(found.lines), found.findings) == (
        "here",
        ledger.chain(),
        list(range(8)),
        [],
    )
    assert [line.content for line in ledger.lines()] == [found.lines[number].content for number in range(8)]
    wanted = RunFilter(newest=2)
    assert [run.run for run in runs_of_lines(found.lines.values(), wanted, chain=found.chain)] == ["r6", "r7"]


def test_after_a_silence_all_is_caught_up_in_items_of_bounded_size(
    writer: Vault, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH_BYTES", 1000)
    add(ledger, 1, 20)
    seal_ledger(writer, ledger)

    found = spans(writer)
    assert len(found) > 3
    assert [number for first, last in found for number in range(first, last + 1)] == list(range(21))


def test_a_store_that_fails_leaves_the_ledger_and_the_next_run_goes_on(
    made: OwnedVault, writer: Vault, ledger: Ledger
) -> None:
    add(ledger, 1, 2)
    with pytest.raises(StoreUnreachable):
        seal_ledger(replace(writer, store=FaultyStore(made.store, fail_at_write=0)), ledger)
    add(ledger, 3, 3)

    assert seal_ledger(writer, ledger) == []
    assert spans(writer) == [(0, 3)]


def test_without_its_note_this_machine_puts_the_same_again_and_nothing_is_lost(
    made: OwnedVault, writer: Vault, ledger: Ledger, tmp_path: Path
) -> None:
    add(ledger, 1, 3)
    seal_ledger(writer, ledger)
    for note in (ledger.folder / "sealed").iterdir():
        note.write_text("{torn")
    assert seal_ledger(writer, ledger) == []
    assert spans(writer) == [(0, 3)]
    for note in (ledger.folder / "sealed").iterdir():
        note.unlink()
    ledger.append(ENDED, {"run": "r3", "status": 0})
    assert seal_ledger(writer, ledger) == []

    (found,) = read_vault_ledgers(open_as(made, tmp_path, "owner"))
    assert (sorted(found.lines), found.findings) == (list(range(5)), [])


def test_a_ledger_that_was_altered_since_is_told_and_sealed_as_it_is(
    made: OwnedVault, writer: Vault, ledger: Ledger, tmp_path: Path
) -> None:
    add(ledger, 1, 1)
    seal_ledger(writer, ledger)
    (path,) = ledger.files()
    path.write_bytes(path.read_bytes().replace(b'"r1"', b'"r9"'))
    add(ledger, 2, 2)

    assert [(each.code, each.subject) for each in seal_ledger(writer, ledger)] == [("ledger-altered", "2")]
    assert seal_ledger(writer, ledger) == []
    (found,) = read_vault_ledgers(open_as(made, tmp_path, "owner"))
    assert found.lines[1].facts["run"] == "r1"
    assert [(each.code, each.subject) for each in found.findings] == [("ledger-altered", "1")]


def test_each_vault_gets_the_whole_ledger(made: OwnedVault, writer: Vault, ledger: Ledger, tmp_path: Path) -> None:
    add(ledger, 1, 1)
    seal_ledger(writer, ledger)
    add(ledger, 2, 2)
    other = open_as(own_a_vault(), tmp_path / "other", "owner")
    seal_ledger(other, ledger)

    assert spans(writer) == [(0, 1)]
    assert spans(other) == [(0, 2)]


def test_a_keeper_seals_nothing(made: OwnedVault, tmp_path: Path) -> None:
    assert [may_seal(open_as(made, tmp_path, role)) for role in ("owner", "writer", "keeper")] == [True, True, False]


def test_lines_of_runs_that_made_nothing_wait_until_there_are_enough(writer: Vault, ledger: Ledger) -> None:
    add(ledger, 1, 3)
    seal_ledger(writer, ledger, at_least=5)
    assert spans(writer) == []
    add(ledger, 4, 4)
    seal_ledger(writer, ledger, at_least=5)
    assert spans(writer) == [(0, 4)]
