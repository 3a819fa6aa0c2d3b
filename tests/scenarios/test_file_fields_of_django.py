"""Columns of Django's models that name files are found by themselves, and what they name is looked up in the set."""

import pathlib
import re
import shutil
from collections.abc import Iterator

import pytest
from tests.scenarios.django_project import FIELDS, plant_project
from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
CONFIGURATION = """\
version = 1
[stack]
name = "site"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.db]
kind = "postgres"
host = "HOST"
database = "site"
user = "postgres"
#MORE
[component.media]
kind = "files"
path = "MEDIA"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, pathlib.Path]]:
    folder = tmp_path_factory.mktemp("project") / "backend"
    with PostgresServer() as server:
        plant_project(folder, server)
        server.sql("CREATE DATABASE site_as_made TEMPLATE site")
        yield server, folder


@pytest.fixture
def server(project: tuple[PostgresServer, pathlib.Path]) -> PostgresServer:
    project[0].sql("DROP DATABASE site")
    project[0].sql("CREATE DATABASE site TEMPLATE site_as_made")
    return project[0]


@pytest.fixture
def program(
    server: PostgresServer,
    project: tuple[PostgresServer, pathlib.Path],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    shutil.copytree(project[1], tmp_path / "stack" / "backend")
    configure(tmp_path, server)
    monkeypatch.chdir(tmp_path / "stack")
    return made


def configure(folder: pathlib.Path, server: PostgresServer, more: str = "", media: str = "backend/media") -> None:
    text = CONFIGURATION.replace("HOST", server.socket_folder).replace("#MORE", more).replace("MEDIA", media)
    (folder / "stack" / "rebond.toml").write_text(text)


def list_columns(ended: Answer) -> set[str]:
    """Return the columns that a backup says were looked up."""
    told = re.findall(r"note: [^\n]*?(\d+) files? that (.*) of db name are in this set", ended.err)
    assert len(told) <= 1
    return set(told[0][1].split(", ")) if told else set()


def list_told(ended: Answer, code: str) -> list[str]:
    return [each["message"] for each in ended.document["problems"] if each["code"] == code]


def test_all_columns_are_found_and_every_file_is_there(program: Program) -> None:
    ended = program.good("backup", "--json")
    assert ended.document["state"] == "whole"
    assert list_columns(ended) == set(FIELDS)
    assert "12 files that" in ended.err
    assert ended.document["problems"] == []


def test_each_file_that_is_missing_is_listed_with_its_column_and_the_set_is_degraded(
    program: Program, tmp_path: pathlib.Path
) -> None:
    whole = program.ask("backup")["id"]
    for path in FIELDS.values():
        (tmp_path / "stack" / "backend" / "media" / path).unlink()
    ended = program("backup", "--json")
    assert ended.status == 3, ended.err
    made = ended.document
    assert made["state"] == "degraded"
    missing = {each["subject"]: each["message"] for each in made["problems"] if each["code"] == "named-file-missing"}
    assert set(missing) == set(FIELDS.values())
    for column, path in FIELDS.items():
        assert f"{path} is named by {column} of db" in missing[path]
    assert {each["id"]: each["state"] for each in program.ask("snapshots")} == {whole: "whole", made["id"]: "degraded"}
    assert "degraded" in program.good("snapshots").out
    back = program.good("restore", "latest", "--to", tmp_path / "back")
    assert whole[:8] in back.err


def test_columns_that_are_excluded_are_not_looked_up(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    media = tmp_path / "stack" / "backend" / "media"
    (media / "photos" / "last.jpg").unlink()
    configure(tmp_path, server, 'not_files = ["gallery_photo.image"]')
    ended = program.good("backup", "--json")
    assert ended.document["state"] == "whole"
    assert list_columns(ended) == set(FIELDS) - {"gallery_photo.image"}
    configure(tmp_path, server, 'not_files = ["*.*"]')
    assert not list_columns(program.good("backup", "--json"))
    configure(tmp_path, server, "file_fields = false")
    (media / "scans" / "scan.pdf").unlink()
    ended = program.good("backup", "--json")
    assert ended.document["state"] == "whole"
    assert not list_columns(ended)


def test_without_code_at_hand_values_that_are_paths_of_files_in_the_set_tell(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    media = tmp_path / "media"
    shutil.move(tmp_path / "stack" / "backend" / "media", media)
    shutil.rmtree(tmp_path / "stack" / "backend")
    configure(tmp_path, server, media=str(media))
    ended = program.good("backup", "--json")
    assert list_columns(ended) == {"gallery_photo.image"}  # thumbnails are called like files, and are none
    assert ended.document["state"] == "whole"

    for number in range(20):
        (media / f"n{number}.jpg").write_text("it")
        server.sql(f"INSERT INTO gallery_photo (title, image, thumbnail) VALUES ('n', 'n{number}.jpg', '')", "site")
    (media / "n7.jpg").unlink()
    ended = program("backup", "--json")
    assert ended.document["state"] == "degraded"
    assert [each["subject"] for each in ended.document["problems"] if each["severity"] == "warning"] == ["n7.jpg"]


def test_files_that_are_nowhere_in_the_set_are_told_and_spoil_none(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "it.txt").write_text("it")
    configure(tmp_path, server, media=str(tmp_path / "elsewhere"))
    ended = program("backup", "--json")
    assert ended.status == 3
    assert ended.document["state"] == "whole"
    told = list_told(ended, "file-field-doubtful")
    assert len(told) == len(FIELDS)
    assert any("gallery.Photo.image" in each and "none of its 5" in each for each in told)


def test_a_media_folder_inside_the_code_is_found_where_the_settings_say(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    configure(tmp_path, server, media=".")
    ended = program.good("backup", "--json")
    assert list_columns(ended) == set(FIELDS)
    assert ended.document["state"] == "whole"
    shutil.rmtree(tmp_path / "stack" / "backend" / "media")  # all of it: still what the settings say
    ended = program("backup", "--json")
    assert ended.document["state"] == "degraded"
    assert len(list_told(ended, "named-file-missing")) == 12
