"""A disk that is full where this machine remembers what it saved: the folder that is meant is named."""

import contextlib
import pathlib
import sqlite3

import pytest
from tests.unit.cli.program_runs import Program

from rebond.vault.file_cache import CacheWriter


def test_a_second_look_that_cannot_be_joined_names_the_folder_that_is_full(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("a = 1")
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("CREATE TABLE t (i)")
    (tmp_path / "rebond.toml").write_text(
        'version = 1\n[stack]\nname = "shop"\n[component.src]\nkind = "files"\npath = "src"\n'
        '[component.db]\nkind = "sqlite"\npath = "shop.db"\n'
    )
    caches = tmp_path / "elsewhere"
    program = Program(tmp_path, REBOND_CONFIG=str(tmp_path / "rebond.toml"), REBOND_CACHE_DIR=str(caches))
    program.good("vault", "create", "--kit", tmp_path / "kit.txt", "--key-file", tmp_path / "owner.key")
    program.environment["REBOND_KEY_FILE"] = str(tmp_path / "owner.key")
    with monkeypatch.context() as full:
        full.setattr(CacheWriter, "is_whole", property(lambda _: False))  # as after a write that found no room
        refused = program("backup")
    assert (refused.status, str(caches) in refused.err) == (30, True)
    assert "~/.cache" not in refused.err
    program.good("backup")
