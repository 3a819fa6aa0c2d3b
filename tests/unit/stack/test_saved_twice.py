"""A secret that a component of files takes in too is said, and the command that is printed leaves it out there."""

import pathlib
import subprocess

import pytest
from tests.unit.stack.test_advice import scene

from rebond.stack.advice.observing import Observation, Weight
from rebond.stack.advice.saved_twice import check_saved_twice

APART = '[vaults.apart]\nurl = "../apart"\nkey = { file = "../apart.key" }\n'
CODE = '[component.code]\nkind = "files"\npath = "."\n'
SECRETS = '[component.env]\nkind = "secrets"\npaths = [".env", "keys/*.pem"]\n'


def look(folder: pathlib.Path, text: str) -> list[Observation]:
    (folder / "keys").mkdir(exist_ok=True)
    for name in (".env", "keys/a.pem", "app.py"):
        (folder / name).touch()
    return list(check_saved_twice(scene(folder, text)))


def test_a_secret_with_a_vault_of_its_own_is_left_out_of_the_files_by_the_command(tmp_path: pathlib.Path) -> None:
    """It lay in the main vault too, whose keys are others, and nobody said so."""
    text = f'{APART}{CODE}{SECRETS}vault = "apart"\n'
    (found,) = look(tmp_path, text)
    assert (found.weight, found.values["paths"]) == (Weight.WARNING, ".env, keys/a.pem")
    subprocess.run(["sh", "-c", found.command], check=True)
    changed = (tmp_path / "rebond.toml").read_text()
    assert 'omit = ["/.env", "/keys/a.pem"]' in changed
    assert look(tmp_path, changed.partition(text[:20])[1] + changed.partition(text[:20])[2]) == []


def test_one_in_the_same_vault_is_a_note(tmp_path: pathlib.Path) -> None:
    (found,) = look(tmp_path, CODE + SECRETS)
    assert (found.weight, found.command) == (Weight.NOTE, "")


@pytest.mark.parametrize("rules", ['omit = ["/.env", "*.pem"]\n', 'exclude = [".env", "keys"]\n', "gitignore = true\n"])
def test_what_is_left_out_there_is_not_told(tmp_path: pathlib.Path, rules: str) -> None:
    (tmp_path / ".gitignore").write_text(".env\n*.pem\n")
    assert look(tmp_path, CODE + rules + SECRETS) == []


def test_what_lies_elsewhere_is_not_told(tmp_path: pathlib.Path) -> None:
    assert look(tmp_path, CODE.replace('"."', '"app.py"') + SECRETS) == []
