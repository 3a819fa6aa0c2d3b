"""What people install."""

import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

from rebond.runbook.coming_back import INSTALL

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel as it is published."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_module_and_nothing_else_of_ours(wheel: zipfile.ZipFile) -> None:
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    packed = {name for name in wheel.namelist() if name.endswith(".py")}

    assert packed == modules
    assert "rebond/py.typed" in wheel.namelist()
    assert not [name for name in wheel.namelist() if name.startswith(("tests", "bench", "demo", "tools"))]


def test_the_wheel_carries_the_format_page_that_goes_into_every_vault(wheel: zipfile.ZipFile) -> None:
    assert wheel.read("rebond/vault/VAULT-FORMAT.md") == (ROOT / "docs" / "vault-format.md").read_bytes()


def test_the_wheel_names_its_licence_and_its_program(wheel: zipfile.ZipFile) -> None:
    texts = {name.rsplit("/", 1)[-1]: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}

    assert "License-Expression: Apache-2.0" in texts["METADATA"]
    assert "Requires-Python: >=3.11" in texts["METADATA"]
    versions = re.findall(r"^Classifier: Programming Language :: Python :: (3\.\d+)$", texts["METADATA"], re.MULTILINE)
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert re.findall(r"python(3\.\d+)", (ROOT / "Makefile").read_text(encoding="utf-8")) == versions[::-1]
    assert f"Python {versions[0]} to {versions[-1]}." in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "rebond = rebond.cli.entry:main" in texts["entry_points.txt"]
    assert "Apache License" in texts["LICENSE"]


def test_no_lock_file_names_an_index_and_every_line_has_a_hash() -> None:
    for path in (ROOT / "requirements").glob("*.lock"):
        lines = path.read_text(encoding="utf-8").split("\n")
        pins = [number for number, line in enumerate(lines) if "==" in line and not line.startswith((" ", "#"))]

        assert pins
        assert not [line for line in lines if "://" in line]
        assert all("--hash=sha256:" in lines[number + 1] for number in pins)


def test_everything_that_a_newcomer_reads_says_the_same_of_how_it_is_installed() -> None:
    """On no index is anything of this name: on a bare machine there is a copy of the source, or nothing."""
    pages = {
        "kit": (ROOT / "src/rebond/vault/kit.py").read_text(encoding="utf-8"),
        "runbook": INSTALL,
        "page": (ROOT / "docs/how-to/recover-on-a-bare-machine.md").read_text(encoding="utf-8"),
    }
    for name, text in pages.items():
        assert "python3 -m venv ~/rebond && . ~/rebond/bin/activate" in text, name
        assert 'pip install ".[all]"' in text, name
    everything = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "docs").glob("how-to/*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "README.md",
    ]
    from_an_index = re.compile(r"pip install \"?'?rebond\[all\]")
    assert [str(path) for path in everything if from_an_index.search(path.read_text(encoding="utf-8"))] == []
    assert "pipx install ." in (ROOT / "README.md").read_text(encoding="utf-8")
