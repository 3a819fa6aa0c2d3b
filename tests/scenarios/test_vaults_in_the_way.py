"""A vault lies in what is saved, something is to go into a vault, a kit cannot be written: seen before harm is done."""

import os
import pathlib

import pytest
from tests.unit.cli.program_runs import PASSPHRASE, Program, plant_shop

Folder = pathlib.Path


@pytest.fixture
def program(tmp_path: Folder) -> Program:
    plant_shop(tmp_path / "shop")
    return Program.with_vault(tmp_path)


def names_of(program: Program, snapshot: str = "latest") -> set[str]:
    return {each["path"] for each in program.ask("ls", snapshot, "-r")}


def test_a_vault_is_left_out_of_its_own_snapshot_and_that_is_said(program: Program) -> None:
    (program.folder / "vault").rename(program.folder / "shop" / "va*lt")
    inside = str(program.folder / "shop" / "va*lt")
    (program.folder / "shop" / "valt").mkdir()
    (program.folder / "shop" / "vault").write_text("no vault at all")
    answer = program.good("backup", "--path", program.folder / "shop", "--vault", inside)

    assert "it is left out of its own snapshot" in answer.err
    program.environment["REBOND_VAULT"] = inside
    found = names_of(program)
    assert {"shop/settings.py", "shop/vault", "shop/valt"} <= found
    assert not [name for name in found if "va*lt" in name]
    again = program.ask("backup", "--path", program.folder / "shop")
    assert again["added_bytes"] == 0


def test_a_configuration_leaves_its_vaults_out_too(program: Program) -> None:
    (program.folder / "rebond.toml").write_text(
        'version = 1\n[stack]\nname = "all"\n[vault]\nurl = "vault"\n[component.all]\nkind = "files"\npath = "."\n'
    )
    del program.environment["REBOND_VAULT"]
    program.good("--config", program.folder / "rebond.toml", "backup")

    found = {each["path"] for each in program.ask("--config", program.folder / "rebond.toml", "ls", "latest", "-r")}
    assert "all/shop/settings.py" in found
    assert not [name for name in found if name.startswith("all/vault")]


def test_a_vault_is_not_saved_into_itself(program: Program) -> None:
    for path in (program.vault, program.vault / "packs"):
        answer = program("backup", "--path", path)
        assert answer.status == 2
        assert "lies in the vault that it is to be saved in" in answer.err
    assert program.ask("snapshots") == []


@pytest.mark.parametrize("below", ["", "packs", "new/deep"])
def test_no_vault_is_made_in_a_vault(program: Program, below: str) -> None:
    before = sorted(program.vault.rglob("*"))
    answer = program("vault", "create", program.vault / below, "--kit", program.folder / "k2")

    assert answer.status == (6 if below else 13)
    assert [path for path in sorted(program.vault.rglob("*")) if path.is_file()] == [
        path for path in before if path.is_file()
    ]
    assert program.ask("verify")["ok"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite", "always"]])
@pytest.mark.parametrize("below", ["", "x", "packs/deep/er"])
def test_nothing_is_restored_into_a_vault(program: Program, below: str, overwrite: list[str]) -> None:
    program.good("backup", "--path", program.folder / "shop")
    (program.folder / "way").symlink_to(program.vault)
    before = sorted(program.vault.rglob("*"))
    for target in (program.vault / below, program.folder / "way" / below):
        answer = program("restore", "latest", "--to", target, *overwrite)
        assert answer.status == 42
        assert "lies in the vault at" in answer.err

    files = {path for path in program.vault.rglob("*") if path.is_file() and "streams" not in path.parts}
    assert files == {path for path in before if path.is_file() and "streams" not in path.parts}


def test_a_kit_that_cannot_be_written_is_seen_before_there_is_a_vault(tmp_path: Folder) -> None:
    program = Program(tmp_path)
    (tmp_path / "kit").write_text("of another vault")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for place, status in (("kit", 6), ("missing/kit", 2), ("dangling", 6)):
        for option in ("--kit", "--key-file"):
            assert program("vault", "create", option, tmp_path / place).status == status
            assert not program.vault.exists()
    assert (tmp_path / "kit").read_text() == "of another vault"
    program.good("vault", "create", "--kit", tmp_path / "fresh")
    assert {"dangling", "fresh", "kit", "vault"} == set(os.listdir(tmp_path)) - {"cache", "state"}


def test_without_a_secret_no_directory_is_made(tmp_path: Folder) -> None:
    program = Program(tmp_path)
    del program.environment["REBOND_PASSPHRASE"]

    assert program("vault", "create").status == 12
    assert not program.vault.exists()


def test_among_the_files_of_somebody_else_nothing_is_tried_out(tmp_path: Folder) -> None:
    program = Program(tmp_path, REBOND_PASSPHRASE=PASSPHRASE)
    program.vault.mkdir()
    (program.vault / "mine").write_text("mine")

    assert program("vault", "create").status == 6
    assert os.listdir(program.vault) == ["mine"]


def test_a_pipe_in_a_vault_is_named(program: Program) -> None:
    os.mkfifo(program.vault / "keyring" / "pipe")
    answer = program("verify")

    assert answer.status == 20
    assert "keyring/pipe in" in answer.err
    assert "move it out of the vault" in answer.err
