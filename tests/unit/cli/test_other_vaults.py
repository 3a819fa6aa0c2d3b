"""Vaults of a configuration besides the main one: each with its own key, and within the limits of the line."""

import pathlib
import random

import pytest
from tests.unit.cli.program_runs import Program

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.watching import Nobody
from rebond.cli.vaults.others import open_by_name
from rebond.store.limiting import LimitedStore

CONFIGURATION = """
version = 1
[stack]
name = "shop"
[vault]
url = "vault"
key = { file = "owner.key" }
[vaults.secrets]
url = "apart"
key = { file = "apart.key" }
[component.site]
kind = "files"
path = "site"
[class.by-hand]
trigger = "manual"
components = ["site"]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("two-vaults")
    program = Program.with_vault(folder)
    program.good("vault", "create", folder / "apart", "--kit", folder / "kit2", "--key-file", folder / "apart.key")
    (folder / "site").mkdir()
    write(folder, CONFIGURATION)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_PASSPHRASE"]
    program.environment["REBOND_CONFIG"] = str(folder / "rebond.toml")
    return program


def write(folder: pathlib.Path, text: str) -> None:
    (folder / "rebond.toml").write_text(text)
    (folder / "rebond.toml").chmod(0o600)


def ask_doctor(program: Program, **environment: str) -> list[str]:
    """Return what the doctor finds wrong with vaults."""
    found = program("doctor", "--json", **environment).document["findings"]
    return [each["message"] for each in found if each["check"] == "vault" and each["weight"] != "note"]


def test_the_doctor_opens_a_vault_with_its_own_key_where_the_environment_has_another(
    program: Program,
) -> None:
    assert "REBOND_KEY_FILE" in program.environment

    assert ask_doctor(program) == []


def test_the_doctor_takes_a_key_of_the_environment_that_is_meant_for_another_vault(program: Program) -> None:
    carried = (program.folder / "apart.key").rename(program.folder / "carried.key")
    try:
        (locked,) = ask_doctor(program)
        assert "it opened with what this run was given" not in locked
        (lacking,) = ask_doctor(program, REBOND_KEY_FILE_SECRETS=str(carried))  # by itself, no run would have that
        assert "it opened with what this run was given" in lacking
    finally:
        carried.rename(program.folder / "apart.key")


@pytest.mark.parametrize("limit", ["upload", "download"])
def test_what_a_run_may_take_of_the_line_holds_for_other_vaults_too(program: Program, limit: str) -> None:
    invocation = Invocation(environment=program.environment)

    with open_by_name(invocation, require_configuration(invocation), "secrets", Nobody()) as vault:
        assert not isinstance(vault.store, LimitedStore)
    write(program.folder, f'{CONFIGURATION}[limits]\n{limit} = "1GB/s"\n')
    try:
        with open_by_name(invocation, require_configuration(invocation), "secrets", Nobody()) as vault:
            assert isinstance(vault.store, LimitedStore)
    finally:
        write(program.folder, CONFIGURATION)


def test_each_vault_is_filled_at_its_own_level(program: Program) -> None:
    (program.folder / "pages").mkdir()
    text = "".join(f"line {each * 7919 % 10_007} of a page that says much the same\n" for each in range(20_000))
    (program.folder / "pages" / "page").write_text(text)
    kept_apart = '[component.pages]\nkind = "files"\npath = "pages"\nvault = "secrets"\n'
    levels = CONFIGURATION.replace('url = "apart"', 'url = "apart"\nlevel = "dense"')
    levels = levels.replace('url = "vault"', 'url = "vault"\nlevel = "fast"').replace('path = "site"', 'path = "pages"')
    levels = levels.replace('components = ["site"]', 'components = "all"')
    write(program.folder, levels + kept_apart)

    try:
        program.good("backup", "site", "pages")
        assert measure(program, "apart") < 0.8 * measure(program, "vault")
    finally:
        write(program.folder, CONFIGURATION)


def test_a_level_that_was_asked_for_counts_in_every_vault(program: Program) -> None:
    """Also where it is the one that the main vault has."""
    kept_apart = '[component.pages]\nkind = "files"\npath = "pages"\nvault = "secrets"\n'
    levels = CONFIGURATION.replace('url = "apart"', 'url = "apart"\nlevel = "fast"')
    levels = levels.replace('url = "vault"', 'url = "vault"\nlevel = "dense"')
    levels = levels.replace('components = ["site"]', 'components = "all"')
    write(program.folder, levels + kept_apart)
    try:
        assert fill(program, 1, "--level", "dense") < 0.92 * fill(program, 2)
    finally:
        write(program.folder, CONFIGURATION)


def test_what_is_to_be_compressed_is_so_in_another_vault_too(program: Program) -> None:
    kept_apart = '[component.pages]\nkind = "files"\npath = "pages"\nvault = "secrets"\n'
    levels = CONFIGURATION.replace('url = "apart"', 'url = "apart"\nlevel = "fast"') + kept_apart
    levels = levels.replace('components = ["site"]', 'components = "all"')
    try:
        write(program.folder, levels)
        plain = fill(program, 3)
        write(program.folder, levels + 'strategy = "compressed"\n')
        assert fill(program, 4) < 0.92 * plain
    finally:
        write(program.folder, CONFIGURATION)


def fill(program: Program, seed: int, *options: str) -> int:
    """Save another page, and return by how much the other vault grew: a dense level leaves a sixth less of these."""
    before = measure(program, "apart")
    (program.folder / "pages").mkdir(exist_ok=True)
    drawn = random.Random(seed)
    rows = (f"{drawn.randrange(1000)} row {seed}{each}\n" for each in range(40_000))
    (program.folder / "pages" / "page").write_text("".join(rows))
    program.good("backup", "pages", *options)
    return measure(program, "apart") - before


def test_the_reserve_of_another_vault_is_looked_at_too(program: Program) -> None:
    write(program.folder, CONFIGURATION.replace('url = "apart"', 'url = "apart"\nreserve = "1000000TB"'))
    try:
        found = [each for each in program("doctor", "--json").document["findings"] if each["code"] == "reserve"]
    finally:
        write(program.folder, CONFIGURATION)
    assert [each["command"] for each in found] == ["rebond forget --place secrets --prune"]
    assert found[0]["message"].startswith(f"{program.folder}/apart has ")


def measure(program: Program, vault: str) -> int:
    return sum(each.stat().st_size for each in (program.folder / vault / "packs").rglob("*") if each.is_file())
