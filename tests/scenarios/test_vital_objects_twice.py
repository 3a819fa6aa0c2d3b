"""One damaged or lost object of those without which nothing opens costs nothing: its copy in the vault stands in."""

import pathlib
import shutil
from collections.abc import Callable

import pytest
from tests.format.isolated import run_rescue
from tests.unit.cli.program_runs import PASSPHRASE, Program

VITAL = ("vault.json", "roster/1", "keyring/1", "keys")
PLACES = ("", "spare/")


def _flip(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.chmod(0o600)
    path.write_bytes(content)


def _empty(path: pathlib.Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"")


HARMS: dict[str, Callable[[pathlib.Path], None]] = {"flip": _flip, "empty": _empty, "lose": pathlib.Path.unlink}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program.with_vault(tmp_path_factory.mktemp("made"))
    (program.folder / "shop").mkdir()
    (program.folder / "shop" / "page").write_text("a page")
    program.good("backup", "--path", program.folder / "shop")
    return program


@pytest.fixture
def program(made: Program, tmp_path: pathlib.Path) -> Program:
    shutil.copytree(made.folder, tmp_path / "copy")
    return made.moved_to(tmp_path / "copy")


def vital_paths(program: Program, vital: str, place: str) -> list[pathlib.Path]:
    path = program.vault / place / vital
    return sorted(path.iterdir()) if vital == "keys" else [path]


def bytes_of(vault: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(vault)): path.read_bytes() for path in vault.rglob("*") if path.is_file()}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("vital", VITAL)
def test_one_of_two_is_enough_is_told_and_is_mended(program: Program, vital: str, place: str, harm: str) -> None:
    before = bytes_of(program.vault)
    harmed = vital_paths(program, vital, place)
    for path in harmed:
        HARMS[harm](path)

    fresh = {"REBOND_STATE_DIR": str(program.folder / "elsewhere")}  # a machine that never saw the vault
    restored = program("restore", "latest", "--to", program.folder / "back", **fresh)
    assert restored.status == 0, restored.err
    assert (program.folder / "back" / "shop" / "page").read_text() == "a page"
    again = program("snapshots")
    assert again.status == (0 if place else 4), "what is damaged is told, and hinders nothing"
    assert ("is whole and was used" in again.err) == (not place)
    assert "rolled back" not in again.err

    found = program("verify")
    assert found.status == (3 if place and harm == "lose" else 4), found.err
    assert all(str(path.relative_to(program.vault)).removeprefix("spare/") in found.out + found.err for path in harmed)

    mended = program("verify", "--repair")
    assert "put right" in mended.out
    assert program("verify").status == 0
    after = bytes_of(program.vault)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("vital", VITAL)
def test_the_rescue_program_takes_the_copy_too(program: Program, vital: str, harm: str) -> None:
    for path in vital_paths(program, vital, ""):
        HARMS[harm](path)
    key = {"REBOND_KEY_FILE": program.environment["REBOND_KEY_FILE"]}
    done = run_rescue(program.folder, program.vault, "latest", program.folder / "back", environment=key)

    assert done.returncode == 0, done.stderr
    assert (program.folder / "back" / "shop" / "page").read_text() == "a page"


@pytest.mark.parametrize("harm", ["flip", "empty"])
@pytest.mark.parametrize("vital", ["roster/1", "keyring/1"])
def test_where_both_are_damaged_that_is_said_and_nobody_is_accused(program: Program, vital: str, harm: str) -> None:
    program.good("snapshots")  # from here on this machine knows their numbers
    for place in PLACES:
        HARMS[harm](program.vault / place / vital)

    answer = program("snapshots")

    assert answer.status == 4
    assert "is damaged, and no copy of it in the vault is whole" in answer.err
    assert "rolled back" not in answer.err


def test_a_slot_of_a_damaged_keyring_is_not_told_to_be_removed(program: Program) -> None:
    """Whoever did so would lose a key that he has: the keyring may be put back from a copy of the vault."""
    program.good("key", "add", REBOND_NEW_PASSPHRASE="another passphrase of four words")
    for place in PLACES:
        _flip(program.vault / place / "keyring" / "2")

    found = program("verify", REBOND_STATE_DIR=str(program.folder / "elsewhere"))

    assert found.status == 4
    assert "keyring/2" in found.err
    assert "key remove" not in found.err


def test_a_vault_without_copies_is_whole_and_gets_them(program: Program) -> None:
    before = bytes_of(program.vault)
    shutil.rmtree(program.vault / "spare")

    found = program("verify")
    assert found.status == 3
    assert "has no second copy in the vault" in found.err
    program("verify", "--repair")
    assert program("verify").status == 0
    after = bytes_of(program.vault)
    assert {name: after.get(name) for name in before} == before


def test_nothing_is_made_where_a_vault_lost_its_first_object(program: Program) -> None:
    (program.vault / "vault.json").unlink()

    answer = program("vault", "create", "--kit", program.folder / "other.txt")

    assert answer.status != 0
    assert "There is a vault at" in answer.err


def test_a_removed_key_opens_no_copy(program: Program) -> None:
    """Neither what the removal itself left out, nor what a cut removal or a race leaves."""
    (program.folder / "words").write_text(PASSPHRASE + "\n")
    older = bytes_of(program.vault)
    slots = program.ask("key", "list")
    recovery = next(each for each in slots["slots"] if each["method"] == "recovery key")
    program.good("key", "remove", recovery["id"], "--yes")
    names = bytes_of(program.vault)
    assert not [name for name in names if name.endswith(("keyring/1", recovery["id"]))]

    left = program.vault / "spare" / "keyring" / "1"
    left.write_bytes(older["spare/keyring/1"])
    found = program("verify")
    assert found.status == 3
    assert "a key that was removed may open it" in found.err
    program("verify", "--repair")
    assert not left.exists()
    assert not (program.vault / "keyring" / "1").exists(), "no repair brings back what a removal deleted"
    assert program("verify").status == 0
