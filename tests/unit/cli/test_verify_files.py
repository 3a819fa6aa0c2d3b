"""``rebond verify FILE``, and what it shares its name with: snapshots."""

import gzip
import io
import json
import pathlib
import tarfile

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

SCRIPT = b"--\n-- PostgreSQL database dump\n--\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.fixture
def bare(tmp_path: pathlib.Path) -> Program:
    """Somebody without a vault, a key or a configuration."""
    made = Program(tmp_path)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_PASSPHRASE"]
    return made


def test_files_are_verified_without_a_vault_and_damage_ends_with_4(bare: Program, tmp_path: pathlib.Path) -> None:
    good, cut = tmp_path / "good.sql.gz", tmp_path / "cut.sql.gz"
    good.write_bytes(gzip.compress(SCRIPT))
    cut.write_bytes(gzip.compress(SCRIPT)[:-9])
    document = bare.ask("verify", str(good), "--quiet")
    assert document["ok"]
    assert document["level"] == "files"
    assert [each["form"] for each in document["files"]] == ["sql.gz"]
    done = bare("verify", str(good), str(cut), "--json", "--quiet")
    assert done.status == 4
    document = json.loads(done.out)
    assert [(each["object"], each["codes"]) for each in document["damage"]] == [(str(cut), ["file-damaged"])]
    assert [each["ok"] for each in document["files"]] == [True, False]
    assert document["checked_bytes"] == good.stat().st_size + cut.stat().st_size


def test_what_cannot_be_judged_ends_with_3_and_what_is_absent_with_2(bare: Program, tmp_path: pathlib.Path) -> None:
    strange = tmp_path / "strange.bin"
    strange.write_bytes(b"\1\2\3")
    assert bare("verify", str(strange)).status == 3
    assert bare("verify", str(tmp_path / "absent.zip")).status == 2


def test_what_is_wrong_with_a_tar_file_is_said_in_the_language_of_the_reader(
    bare: Program, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "with-more.tar"
    path.write_bytes(make_tar() + b"more".ljust(512, b"\0"))
    assert "something follows its end." in bare("verify", path, "--quiet").out
    french = bare("verify", path, "--json", "--quiet", REBOND_LANG="fr")
    assert french.status == 4
    assert "fichier tar entier : quelque chose suit sa fin." in french.out


def make_tar() -> bytes:
    """Return an archive of one empty file."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    return whole.getvalue()


def test_a_file_never_goes_with_snapshots_or_options_of_a_vault(bare: Program, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "good.sql.gz"
    path.write_bytes(gzip.compress(SCRIPT))
    assert bare("verify", str(path), "latest").status == 2
    done = bare("verify", str(path), "--repair")
    assert done.status == 2
    assert "--repair" in done.err


def test_a_file_with_the_name_of_a_snapshot_is_meant_only_with_its_folder(
    bare: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latest").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "backup").write_bytes(gzip.compress(SCRIPT))
    assert bare("verify", "latest").status in {2, 10}  # there is no vault to look for a snapshot in
    assert bare("verify", "./latest").status == 0
    assert bare("verify", "backup").status == 0


def test_objects_of_a_vault_that_were_copied_are_judged_by_their_names(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    plant_shop(tmp_path / "shop")
    program.good("backup", "--path", str(tmp_path / "shop"), "--quiet")
    vault = pathlib.Path(program.environment["REBOND_VAULT"])
    packs = sorted((vault / "packs").glob("*/*"))
    assert program("verify", *map(str, packs)).status == 0
    alone = tmp_path / packs[0].name
    alone.write_bytes(packs[0].read_bytes())
    assert program("verify", str(alone)).status == 0
    alone.write_bytes(packs[0].read_bytes()[:-1])
    assert program("verify", str(alone)).status == 4
    other = tmp_path / "pack.bin"
    other.write_bytes(packs[0].read_bytes())
    assert program("verify", str(other)).status == 3
    found = [each for each in vault.rglob("*") if each.is_file() and each.read_bytes()[:4] == b"RBND"]
    assert {each.relative_to(vault).parts[0] for each in found} >= {"packs", "snapshots", "roster", "keyring"}
    assert program("verify", *found).status == 0
    done = program("verify", str(vault))
    assert done.status == 2
    assert "--vault" in done.err


def test_a_check_of_files_is_written_down_as_such_and_proves_no_vault(bare: Program, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "good.sql.gz"
    path.write_bytes(gzip.compress(SCRIPT))
    bare.good("verify", str(path), "--quiet")
    assert [each["kind"] for each in bare.ask("history")] == ["verify files"]


def test_the_version_is_said_to_machines_too(bare: Program) -> None:
    plain = bare("--version").out
    for words in (("--version", "--json"), ("--json", "--version")):
        document = json.loads(bare(*words).out)
        assert plain == f"{document['program']} {document['version']}\n"
        assert document["format"] == 1


@pytest.mark.parametrize(
    "words", [("restore", "latest", "--to", "back", "--replica", "far"), ("verify", "--from", "far")]
)
def test_an_option_of_a_later_version_is_refused_with_what_to_do_until_then(
    words: tuple[str, ...], bare: Program
) -> None:
    done = bare(*words)
    assert done.status == 2
    assert "is not in this version yet" in done.err
    assert "→" in done.err


def test_an_archive_on_standard_output_is_described_on_standard_error(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    plant_shop(tmp_path / "shop")
    program.good("backup", "--path", str(tmp_path / "shop"), "--quiet")
    done = program("export", "latest", "shop", "--format", "tar.gz", "--output", "-", "--json", "--quiet")
    assert done.status == 0
    assert json.loads(done.err)["problems"] == []
    path = tmp_path / "shop.tar.gz"
    path.write_bytes(done.raw)
    assert program("verify", str(path), "--quiet").status == 0
