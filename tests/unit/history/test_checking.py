"""Whatever is done to a ledger afterwards is found, and the lines are named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.vault.owned_vault import OwnedVault, own_a_vault, secret

from rebond.errors import RoleTooSmall
from rebond.history.checking import check_against_vault, check_ledger
from rebond.history.ledger import Ledger
from rebond.history.lines import BEGAN, NO_PREVIOUS, make_line
from rebond.history.sealing import seal_ledger
from rebond.history.vault_ledgers import read_vault_ledgers
from rebond.identifiers import ObjectName
from rebond.testing.damage import flip_byte
from rebond.vault.access import Vault
from rebond.vault.members import issue_keeper, issue_writer
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.streams import list_items, put_item

Lines = list[bytes]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "history", host="here")
    for number in range(6):
        ledger.append(BEGAN, {"run": f"run-{number}", "kind": "backup"})
    return ledger


@pytest.fixture
def made() -> OwnedVault:
    return own_a_vault()


def open_as(made: OwnedVault, folder: Path, role: str) -> Vault:
    opened = open_vault(made.store, secret())
    if role != "owner":
        issue = issue_writer if role == "writer" else issue_keeper
        issued = issue(made.store, opened.require_keyring(), opened.roster, label=role, clock=made.clock)
        opened = open_vault(made.store, secret_from_file(issued.content))
    return Vault(
        store=made.store, credentials=opened.credentials, roster=opened.roster, caches=folder, clock=made.clock
    )


def change(ledger: Ledger, deed: Callable[[Lines], Lines]) -> None:
    (path,) = ledger.files()
    path.write_bytes(b"".join(line + b"\n" for line in deed(path.read_bytes().splitlines())))


def alter(lines: Lines) -> Lines:
    lines[3] = lines[3].replace(b"run-2", b"run-9")
    return lines


def drop_two(lines: Lines) -> Lines:
    del lines[2:4]
    return lines


def drop_first(lines: Lines) -> Lines:
    return lines[1:]


def swap(lines: Lines) -> Lines:
    lines[2], lines[3] = lines[3], lines[2]
    return lines


def repeat(lines: Lines) -> Lines:
    return [*lines[:3], lines[2], *lines[3:]]


def spoil(lines: Lines) -> Lines:
    lines[3] = b"\0" * 40
    return lines


def drop_and_count_anew(lines: Lines) -> Lines:
    """What somebody does who knows of the numbers and not of the hashes."""
    shifted = [line.replace(b'"n":%d' % number, b'"n":%d' % (number - 1)) for number, line in enumerate(lines)]
    return [*lines[:2], *shifted[3:]]


CHANGES: dict[Callable[[Lines], Lines], list[tuple[str, str]]] = {
    alter: [("ledger-altered", "3")],
    drop_two: [("ledger-missing", "2-3")],
    drop_first: [("ledger-missing", "0-0")],
    swap: [("ledger-missing", "2-2"), ("ledger-repeated", "2"), ("ledger-missing", "3-3")],
    repeat: [("ledger-repeated", "2")],
    spoil: [("ledger-unreadable", "ledger-000000000000.jsonl:4"), ("ledger-missing", "3-3")],
    drop_and_count_anew: [("ledger-altered", "1"), ("ledger-altered", "2")],
}


@pytest.mark.parametrize("deed", CHANGES, ids=lambda deed: deed.__name__)
def test_a_change_is_found_and_named(ledger: Ledger, deed: Callable[[Lines], Lines]) -> None:
    change(ledger, deed)
    _, findings = check_ledger(ledger)

    told = [(each.code, each.subject) for each in findings]
    assert told[: len(CHANGES[deed])] == CHANGES[deed]


def test_what_was_altered_is_named_with_its_run(ledger: Ledger) -> None:
    change(ledger, alter)

    assert "began backup run-9" in check_ledger(ledger)[1][0].message


def cut_the_end(lines: Lines) -> Lines:
    return lines[:-2]


def alter_the_end(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1].replace(b"run-5", b"run-8")]


def write_anew(lines: Lines) -> Lines:
    """A whole new chain without one run: what somebody does who knows all about hashes."""
    made, previous = [lines[0]], lines[0]
    from rebond.history.lines import hash_line, read_line

    for old in [*lines[1:3], *lines[4:]]:
        line = read_line(old)
        assert line is not None
        fresh = make_line(len(made), hash_line(previous), BEGAN, str(line.facts["time"]), line.facts)
        made.append(fresh.content)
        previous = fresh.content
    return made


@pytest.mark.parametrize("deed", [cut_the_end, alter_the_end, write_anew], ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("role", ["writer", "owner"])
def test_what_the_chain_alone_does_not_show_is_found_by_what_was_sealed(
    ledger: Ledger, made: OwnedVault, tmp_path: Path, deed: Callable[[Lines], Lines], role: str
) -> None:
    vault = open_as(made, tmp_path, role)
    assert seal_ledger(vault, ledger) == []
    assert check_ledger(ledger)[1] == check_against_vault(vault, ledger) == []
    change(ledger, deed)

    assert check_ledger(ledger)[1]
    for note in (ledger.folder / "sealed").iterdir():
        note.unlink()
    assert check_ledger(ledger)[1] == []  # the note of this machine gone too: the chain alone looks whole
    assert check_against_vault(vault, ledger)


def test_a_keeper_compares_nothing_and_reads_nothing(ledger: Ledger, made: OwnedVault, tmp_path: Path) -> None:
    seal_ledger(open_as(made, tmp_path, "owner"), ledger)
    keeper = open_as(made, tmp_path, "keeper")

    assert check_against_vault(keeper, ledger) == []
    with pytest.raises(RoleTooSmall):
        read_vault_ledgers(keeper)


def test_a_damaged_item_and_the_lines_that_it_held_are_named(ledger: Ledger, made: OwnedVault, tmp_path: Path) -> None:
    vault = open_as(made, tmp_path, "owner")
    seal_ledger(vault, ledger)
    (name,) = [info.name for info in made.store.list_objects("streams/")]
    ledger.append(BEGAN, {"run": "later"})
    seal_ledger(vault, ledger)
    flip_byte(made.store, name, -200)

    (found,) = read_vault_ledgers(vault)
    assert [(each.code, each.subject) for each in found.findings] == [
        ("ledger-item-damaged", name),
        ("ledger-missing", "0-6"),
    ]


def test_a_copied_machine_shows_as_a_fork(ledger: Ledger, made: OwnedVault, tmp_path: Path) -> None:
    import shutil

    vault = open_as(made, tmp_path, "writer")
    shutil.copytree(ledger.folder, tmp_path / "copy")
    copy = Ledger(tmp_path / "copy", host="there")
    for each, run in ((ledger, "here"), (copy, "there")):
        each.append(BEGAN, {"run": run})
        seal_ledger(vault, each)

    (found,) = read_vault_ledgers(open_as(made, tmp_path, "owner"))
    assert [(each.code, each.values["number"]) for each in found.findings] == [("ledger-forked", 7)]
    assert check_against_vault(vault, ledger)


@pytest.mark.parametrize("item", ["0-1", "x-y-z", "0-99999999999999999999-0000000000000000", "0-5-0000000000000000"])
def test_an_item_with_a_hostile_name_does_no_harm(ledger: Ledger, made: OwnedVault, tmp_path: Path, item: str) -> None:
    vault = open_as(made, tmp_path, "writer")
    put_item(vault, f"ledger/{ledger.chain()}", item, b"no ledger\n" * 9, sequence=1)

    findings = check_against_vault(vault, ledger)
    assert [each.code for each in findings] == (["ledger-differs"] if item.startswith("0-5") else [])


def test_a_writer_of_another_domain_adds_nothing_to_a_ledger(ledger: Ledger, made: OwnedVault, tmp_path: Path) -> None:
    seal_ledger(open_as(made, tmp_path, "writer"), ledger)
    forged = make_line(7, NO_PREVIOUS, BEGAN, "2026-01-01T00:00:00Z", {"run": "forged"})
    owner = open_as(made, tmp_path, "owner")
    put_item(owner, f"ledger/{ledger.chain()}", "7-7-0000000000000000", forged.content + b"\n", sequence=7)

    found = read_vault_ledgers(owner)
    assert len(found) == 2
    assert sorted(len(each.lines) for each in found) == [1, 7]
    assert [each.findings == [] for each in sorted(found, key=lambda each: len(each.lines))] == [False, True]


def test_a_machine_that_is_used_with_two_keys_has_one_ledger_and_what_is_missing_is_still_found(
    ledger: Ledger, made: OwnedVault, tmp_path: Path
) -> None:
    writer, owner = open_as(made, tmp_path / "1", "writer"), open_as(made, tmp_path / "2", "owner")
    for number, vault in enumerate((writer, owner, writer, owner)):  # backups, a restore, backups, a restore
        ledger.append(BEGAN, {"run": f"more-{number}", "kind": "backup"})
        seal_ledger(vault, ledger)
    found = read_vault_ledgers(owner)
    assert len(found) == 2
    assert [each.findings for each in found] == [[], []]
    assert len([line for each in found for line in each.lines]) == 11  # and each run is listed once

    first = min((each for each in found if 0 in each.lines), key=lambda each: len(each.lines))
    (gone,) = [each for each in list_items(owner, f"ledger/{first.chain}") if each.record.item.startswith("0-")]
    made.store.delete(gone.name)
    assert {each.code for one in read_vault_ledgers(owner) for each in one.findings} == {"ledger-missing"}


def test_an_item_at_another_name_is_not_read(made: OwnedVault, tmp_path: Path, ledger: Ledger) -> None:
    vault = open_as(made, tmp_path, "owner")
    seal_ledger(vault, ledger)
    (info,) = made.store.list_objects("streams/")
    other = ObjectName(info.name[:-1] + ("0" if info.name[-1] != "0" else "1"))
    made.store.put_if_absent(other, made.store.read(info.name))

    (found,) = read_vault_ledgers(vault)
    assert (len(found.lines), found.findings) == (7, [])
