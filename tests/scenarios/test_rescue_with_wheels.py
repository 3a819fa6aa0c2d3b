"""A bare machine: a Python, a copy of the vault, no network, no package index, no Rebond."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.unit.cli.program_runs import PASSPHRASE, Program

from rebond.errors import UsageError
from rebond.vault.wheels import pack_installed, read_wheels

# It answers nobody: a socket, an import of Rebond, or a library from elsewhere ends the program.
_ALONE = """
import runpy, sys
def refuse(event, arguments):
    if event.startswith("socket."):
        sys.exit(f"the network was asked: {event}")
sys.addaudithook(refuse)
try:
    import rebond
except ImportError:
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    sys.exit("rebond can be imported here")
"""


@pytest.fixture(scope="module")
def wheels() -> dict[str, bytes]:
    return pack_installed()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, bytes]) -> Program:
    """A vault that carries wheels, with one snapshot."""
    folder = tmp_path_factory.mktemp("carried")
    fill(folder / "wheels", wheels)
    made = Program(folder)
    made.good("vault", "create", "--kit", folder / "kit.txt", "--wheels", folder / "wheels")
    (folder / "shop").mkdir()
    (folder / "shop" / "order.txt").write_text("bread, 2\n")
    (folder / "shop" / "photo.jpg").write_bytes(os.urandom(50_000))
    made.good("backup", "--path", folder / "shop")
    return made


def fill(directory: Path, wheels: dict[str, bytes]) -> None:
    directory.mkdir()
    for name, content in wheels.items():
        (directory / name).write_bytes(content)


def run_alone(program: Program, libraries: Path | None, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    (rescue,) = (program.vault / "rescue").glob("rescue-*.py")
    environment = {"PATH": os.defpath, "REBOND_PASSPHRASE": PASSPHRASE}
    if libraries is not None:
        environment["PYTHONPATH"] = str(libraries)
    command = [sys.executable, "-S", "-c", _ALONE, rescue, program.vault, *arguments]
    return subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_vault_that_carries_wheels_is_restored_without_a_network(program: Program, tmp_path: Path) -> None:
    for wheel in (program.vault / "rescue").glob("*.whl"):  # what "python3 -m zipfile -e" does, as the kit says
        zipfile.main(["-e", str(wheel), str(tmp_path / "libs")])  # type: ignore[attr-defined]

    done = run_alone(program, tmp_path / "libs", "latest", tmp_path / "back")

    assert done.returncode == 0, done.stderr
    for name in ("order.txt", "photo.jpg"):
        assert (tmp_path / "back/shop" / name).read_bytes() == (program.folder / "shop" / name).read_bytes()


def test_without_its_libraries_the_rescue_program_says_how_to_have_them(program: Program, tmp_path: Path) -> None:
    done = run_alone(program, None, "latest", tmp_path / "back")

    assert done.returncode == 1
    assert 'python3 -m zipfile -e "$wheel" libs' in done.stderr
    assert "No module named 'zstandard'" in done.stderr


def test_the_kit_names_one_hash_for_all_wheels_and_the_python_that_they_fit(program: Program) -> None:
    kit = (program.folder / "kit.txt").read_text(encoding="utf-8")
    (sums,) = (program.vault / "rescue").glob("wheels-*.sha256")
    listed = {name: digest for digest, name in (line.split("  ") for line in sums.read_text().splitlines())}

    assert hashlib.sha256(sums.read_bytes()).hexdigest() in "".join(kit.split())
    assert f"for Python {sys.version_info.major}.{sys.version_info.minor} (Linux" in kit
    assert f"rescue/{sums.name}" in kit
    assert listed == {
        wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (program.vault / "rescue").glob("*.whl")
    }


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_steps_of_the_kit_restore_as_they_are_typed(program: Program, tmp_path: Path, language: str) -> None:
    kit = program.good("kit", "--lang", language).out
    lines = kit.split("Rebond\n")[1].splitlines()  # below "Without Rebond"
    typed = [line.strip() for line in lines if line.startswith("    ") and not line.startswith("    rescue/")]
    first = next(number for number, line in enumerate(typed) if line.startswith("# "))
    shell = tmp_path / "typed.sh"
    shell.write_text("\n".join(typed[first:]))
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    environment = {"PATH": f"{folder}:{os.defpath}", "HOME": str(tmp_path), "REBOND_PASSPHRASE": PASSPHRASE}
    done = subprocess.run(
        ["sh", "-e", shell], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    back = tmp_path / {"en": "back", "fr": "retour"}[language]
    assert (back / "shop/order.txt").read_text() == "bread, 2\n"


def test_a_wheel_that_somebody_changed_is_named_by_verify(program: Program, tmp_path: Path) -> None:
    wheel = next((program.vault / "rescue").glob("blake3-*.whl"))
    good = wheel.read_bytes()
    assert program("verify").status == 0
    try:
        wheel.chmod(0o600)
        wheel.write_bytes(good[:-1] + b"x")
        found = program("verify")
    finally:
        wheel.write_bytes(good)

    assert found.status == 4
    assert wheel.name in found.out + found.err


def test_a_vault_that_stands_gets_wheels_by_its_kit(tmp_path: Path, wheels: dict[str, bytes]) -> None:
    fill(tmp_path / "wheels", wheels)
    program = Program.with_vault(tmp_path)

    first = program.ask("kit", "--wheels", tmp_path / "wheels")
    again = program.ask("kit", "--wheels", tmp_path / "wheels")
    later = program.ask("kit", REBOND_KEY_FILE="")

    assert first["wheels"] == again["wheels"] == later["wheels"] == sorted(wheels)
    assert first["rescue"] == later["rescue"]
    assert program("verify").status == 0


def test_a_writer_may_not_put_wheels(tmp_path: Path, wheels: dict[str, bytes]) -> None:
    fill(tmp_path / "wheels", wheels)
    program = Program.with_vault(tmp_path)
    program.good("key", "issue", "writer", "shop", "--output", tmp_path / "writer.key")

    refused = program("kit", "--wheels", tmp_path / "wheels", REBOND_KEY_FILE=str(tmp_path / "writer.key"))

    assert refused.status == 12
    assert not list((program.vault / "rescue").glob("*.whl"))


def test_packed_wheels_are_what_was_installed_and_always_the_same_bytes(
    tmp_path: Path, wheels: dict[str, bytes]
) -> None:
    fill(tmp_path / "wheels", wheels)

    assert read_wheels(tmp_path / "wheels") == wheels
    assert {name.split("-")[0] for name in wheels} >= {"cryptography", "zstandard", "blake3", "cffi"}
    with zipfile.ZipFile(tmp_path / "wheels" / next(name for name in wheels if name.startswith("blake3"))) as wheel:
        assert {info.date_time for info in wheel.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in wheel.namelist() if ".." in name or "__pycache__" in name]


@pytest.mark.parametrize("fault", ["cut", "changed", "missing", "nothing"])
def test_a_directory_without_whole_wheels_is_refused(tmp_path: Path, wheels: dict[str, bytes], fault: str) -> None:
    name = next(name for name in wheels if name.startswith("blake3"))
    fill(tmp_path / "wheels", wheels)
    path = tmp_path / "wheels" / name
    if fault == "cut":
        path.write_bytes(wheels[name][:-100])
    elif fault == "changed":
        with zipfile.ZipFile(path, "a") as wheel:
            wheel.writestr("blake3/more.py", "print('planted')\n")
    elif fault == "missing":
        path.unlink()

    with pytest.raises(UsageError, match=r"blake3|no wheel"):
        read_wheels(tmp_path / ("wheels" if fault != "nothing" else "elsewhere"))
