"""The strategies complete and smart hold what the guide's own commands put into their archives, of the same tree."""

import os
import pathlib
import subprocess
import zipfile

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "pivori-studio"
root = "pivori-studio"
[vault]
url = "VAULT"
key = { file = "OWNER" }
[component.project]
kind = "files"
path = "."
[class.complete]
trigger = "manual"
components = "all"
strategy = "complete"
[class.smart]
trigger = "manual"
components = "all"
strategy = "smart"
"""
FILES = """
.git/HEAD .git/objects/pack/one.pack .gitignore .env .DS_Store README.md docker-compose.yml
services/api/main.py services/api/.env services/api/logs/api.log services/api/logs/old/api.1.log services/api/.DS_Store
services/api/catalogs/logs.py services/web/index.js services/web/node_modules/left-pad/index.js
services/web/node_modules/left-pad/logs/build.log services/web/node_modules/.bin/tool frontend/src/app.tsx
frontend/empty/ backend/manage.py backend/venv/bin/python backend/venv/lib/site.py backend/media/photo.jpg
infrastructure/k8s/deploy.yaml infrastructure/terraform.tfstate logs/root.log
services/api/upload.tmp backend/manage.py~ backend/.settings.py.swp
""".split()
# The script for zip misses what the guide's text names beside it: temporary files, and logs at the top.
BEYOND_THE_SCRIPT = {"services/api/upload.tmp", "backend/manage.py~", "backend/.settings.py.swp"}
LOGS_AT_THE_TOP = {"logs", "logs/root.log"}
TOP_DS_STORE = {".DS_Store"}  # the script leaves it out below the top only
SMART_SCRIPT = ["-x", "pivori-studio/.git/*", "-x", "pivori-studio/*/logs/*", "-x", "pivori-studio/*/.DS_Store"]


@pytest.fixture
def project(tmp_path: pathlib.Path) -> pathlib.Path:
    root = tmp_path / "pivori-studio"
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(name.encode() * 20)
    (root / "services" / "api" / "link").symlink_to("main.py")
    text = CONFIGURATION.replace("VAULT", str(tmp_path / "vault")).replace("OWNER", str(tmp_path / "owner.key"))
    (tmp_path / "rebond.toml").write_text(text)
    return root


def zip_names(project: pathlib.Path, *options: str) -> set[str]:
    """Return what the guide's command puts into an archive, without the name of the project before it."""
    archive = project.parent / "guide.zip"
    command = ["zip", "-r", "-q", str(archive), f"{project.name}/", *options]
    subprocess.run(command, cwd=project.parent, check=True)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = {name.removeprefix(f"{project.name}/").rstrip("/") for name in opened.namelist()}
    archive.unlink()
    return names - {""}


def snapshot_names(project: pathlib.Path, class_: str) -> set[str]:
    program = Program.with_vault(project.parent)
    config = project.parent / "rebond.toml"
    made = program.ask("backup", "--config", config, "--class", class_)
    listed = program.ask("ls", made["id"], "project", "--recursive", "--config", config)
    return {each["path"].removeprefix("project/") for each in listed} - {"", "project"}


@pytest.mark.judge("zip")
def test_complete_holds_everything_that_the_archive_does(project: pathlib.Path) -> None:
    assert snapshot_names(project, "complete") == zip_names(project)


@pytest.mark.judge("zip")
def test_smart_leaves_out_what_the_guide_does_and_nothing_that_an_application_needs(project: pathlib.Path) -> None:
    archive, snapshot = zip_names(project, *SMART_SCRIPT), snapshot_names(project, "smart")

    assert archive - snapshot == BEYOND_THE_SCRIPT | LOGS_AT_THE_TOP | TOP_DS_STORE
    assert snapshot - archive == set()
    assert {"services/web/node_modules/left-pad/index.js", "backend/venv/lib/site.py", ".env"} <= snapshot
    assert not any(os.fspath(each).startswith(".git/") for each in snapshot)
