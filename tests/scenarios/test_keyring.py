"""A passphrase in a keyring, asked through the keyring library itself with a backend that keeps it in a file."""

import os
import pathlib

import pytest
from tests.torture.real_program import RealProgram

BACKEND = """
import json, os, pathlib
from keyring.backend import KeyringBackend

class FileKeyring(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        kept = json.loads(pathlib.Path(os.environ["KEYRING_FILE"]).read_text())
        return kept.get(f"{service}/{username}")

    def set_password(self, service, username, password):
        raise NotImplementedError
"""
CONFIGURATION = """
version = 1
[stack]
name = "shop"
[vault]
url = "vault"
passphrase = { keyring = "rebond/shop/vault" }
[component.page]
kind = "files"
path = "page"
"""
PASSPHRASE = "a passphrase that only the keyring has"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> RealProgram:
    folder = tmp_path_factory.mktemp("shop")
    program = RealProgram(folder)
    (folder / "library").mkdir()
    (folder / "library" / "kept_in_a_file.py").write_text(BACKEND)
    (folder / "keyring.json").write_text(f'{{"rebond/shop/vault": "{PASSPHRASE}"}}')
    (folder / "page").mkdir()
    (folder / "page" / "text").write_text("hello")
    (folder / "rebond.toml").write_text(CONFIGURATION)
    program.environment.pop("REBOND_VAULT", None)
    program.environment |= {
        "PYTHONPATH": os.pathsep.join((str(folder / "library"), program.environment["PYTHONPATH"])),
        "PYTHON_KEYRING_BACKEND": "kept_in_a_file.FileKeyring",
        "KEYRING_FILE": str(folder / "keyring.json"),
        "REBOND_CONFIG": str(folder / "rebond.toml"),
    }
    program.good("vault", "create", folder / "vault", "--kit", folder / "kit.txt", REBOND_PASSPHRASE=PASSPHRASE)
    return program


def test_a_backup_asks_the_keyring_and_nothing_says_what_it_answered(program: RealProgram) -> None:
    program.environment.pop("REBOND_PASSPHRASE", None)
    ended = program.run("backup", "--json")
    assert ended.status == 0, ended.err
    assert ended.document["state"] == "whole"
    assert PASSPHRASE not in ended.out + ended.err


def test_a_keyring_that_has_nothing_or_fails_says_what_to_do(program: RealProgram, tmp_path: pathlib.Path) -> None:
    program.environment.pop("REBOND_PASSPHRASE", None)
    (tmp_path / "empty").write_text("{}")
    empty = program.run("backup", KEYRING_FILE=str(tmp_path / "empty"))
    assert empty.status == 2
    assert "keyring set rebond/shop vault" in empty.err

    locked = program.run("backup", KEYRING_FILE=str(tmp_path / "gone"))
    assert locked.status == 2
    assert "Unlock it, or keep the secret in a file." in locked.err
