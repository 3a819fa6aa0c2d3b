"""Exports as stock programs read them: 7z, encrypted ones, what changed, and those of a machine that may only write."""

import gzip
import hashlib
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_database import DESCRIBE, fill_shop
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.testing.postgres_server import PostgresServer

PASSWORD = "p \u00e9'\"$x"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, pathlib.Path]:
    folder = tmp_path_factory.mktemp("saved")
    program = Program.with_vault(folder)
    shop = plant_shop(folder / "shop")
    (shop / "large.bin").write_bytes(hashlib.sha256(b"x").digest() * 100_000)
    (shop / "empty").write_bytes(b"")
    (shop / "ol\u00e9 'x'.txt").write_text("odd")
    program.good("backup", "--path", shop, "--quiet")
    program.environment["REBOND_EXPORT_PASSWORD"] = PASSWORD
    return program, shop


def run(*words: str, given: bytes = b"", folder: pathlib.Path | None = None) -> bytes:
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GNUPGHOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, input=given, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout


def test_stock_tar_brings_attributes_back_and_zip_says_that_it_has_none(tmp_path: pathlib.Path) -> None:
    program, tree, back = Program.with_vault(tmp_path), tmp_path / "tree", tmp_path / "back"
    for each in (tree, back):
        each.mkdir()
    (tree / "x").write_text("text")
    try:
        os.setxattr(tree / "x", "user.origin", b"\x00\xe9")
    except OSError as error:
        pytest.skip(f"no extended attributes on this file system: {error.strerror}")
    program.good("backup", "--path", tree, "--quiet")
    program.good("export", "latest", "tree", "--format", "tar.gz", "--output", tmp_path / "x.tgz", "--quiet")
    run("tar", "--xattrs", "--xattrs-include=*", "--acls", "-xpzf", str(tmp_path / "x.tgz"), "-C", str(back))
    assert os.getxattr(back / "x", "user.origin") == b"\x00\xe9"

    zipped = program("export", "latest", "tree", "--format", "zip", "--output", tmp_path / "x.zip")
    assert "Not proven by a drill yet." in zipped.err
    assert (zipped.status, zipped.err.count("Extended attributes and ACLs of")) == (0, 1)


@pytest.mark.judge("7z")
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_stock_7z_reads_what_was_exported(
    saved: tuple[Program, pathlib.Path], tmp_path: pathlib.Path, is_encrypted: bool
) -> None:
    program, shop = saved
    path, back = tmp_path / "shop.7z", tmp_path / "back"
    wish = ("--encrypt", "7z") if is_encrypted else ()
    program.good("export", "latest", "shop", "--format", "7z", "--output", path, *wish, "--level", "9", "--quiet")
    password = (f"-p{PASSWORD}",) if is_encrypted else ()
    assert b"Everything is Ok" in run("7z", "t", *password, str(path))
    run("7z", "x", *password, f"-o{back}", str(path))
    for name in (".env", "settings.py", "media/photo.jpg", "large.bin", "empty", "ol\u00e9 'x'.txt"):
        assert (back / name).read_bytes() == (shop / name).read_bytes()
    assert (back / "media" / "cover.jpg").is_symlink()
    assert (back / ".env").stat().st_mode & 0o777 == 0o600
    if is_encrypted:
        wrong = subprocess.run(["7z", "l", "-pwrong", str(path)], capture_output=True, check=False)
        assert wrong.returncode != 0
        assert b"settings" not in path.read_bytes() + wrong.stdout  # the names too


@pytest.mark.judge("gpg")
def test_stock_gpg_decrypts_what_was_exported(saved: tuple[Program, pathlib.Path], tmp_path: pathlib.Path) -> None:
    program, shop = saved
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    made = program.ask(
        "export", "latest", "shop", "--format", "tar.gz", "--output", f"{tmp_path}/", "--encrypt", "gpg", "--quiet"
    )
    (path,) = made["files"]
    assert path.endswith(".tar.gz.gpg")
    words = ("gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase-fd", "0", "-d", path)
    content = run(*words, given=PASSWORD.encode() + b"\n", folder=home)
    assert run("tar", "-xzO", "-f", "-", "settings.py", given=content) == (shop / "settings.py").read_bytes()
    piped = program.good("export", "latest", "shop", "--format", "zip", "--output", "-", "--encrypt", "gpg", "--quiet")
    (tmp_path / "piped").write_bytes(piped.raw)
    plain = run(*words[:-1], str(tmp_path / "piped"), given=PASSWORD.encode() + b"\n", folder=home)
    (tmp_path / "plain.zip").write_bytes(plain)
    run("unzip", "-t", str(tmp_path / "plain.zip"))


@pytest.mark.judge("openssl")
def test_stock_openssl_decrypts_what_was_exported(saved: tuple[Program, pathlib.Path], tmp_path: pathlib.Path) -> None:
    program, shop = saved
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    del program.environment["REBOND_EXPORT_PASSWORD"]
    program.environment["REBOND_EXPORT_PASSWORD_FILE"] = str(secret)
    try:
        path = tmp_path / "shop.enc"
        program.good(
            "export", "latest", "shop", "--format", "tar.gz", "--output", path, "--encrypt", "openssl", "--quiet"
        )
    finally:
        del program.environment["REBOND_EXPORT_PASSWORD_FILE"]
        program.environment["REBOND_EXPORT_PASSWORD"] = PASSWORD
    words = ("openssl", "enc", "-d", "-aes-256-cbc", "-pbkdf2", "-iter", "600000", "-md", "sha256")
    content = run(*words, "-pass", f"file:{secret}", "-in", str(path))
    assert run("tar", "-xzO", "-f", "-", "large.bin", given=content) == (shop / "large.bin").read_bytes()


def test_what_cannot_be_encrypted_so_is_refused_and_leaves_nothing(
    saved: tuple[Program, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    program, _ = saved
    for form, method in (("7z", "gpg"), ("zip", "7z"), ("tar.zst", "7z")):
        refused = program("export", "latest", "shop", "--format", form, "--output", tmp_path / "x", "--encrypt", method)
        assert refused.status == 2, refused.err
    assert program("export", "latest", "shop", "--format", "7z", "--output", "-").status == 2
    for text in ("", "two\nlines"):
        refused = program(
            *("export", "latest", "shop", "--format", "zip", "--output", tmp_path / "x", "--encrypt", "gpg"),
            REBOND_EXPORT_PASSWORD=text,
        )
        assert refused.status == 2, refused.err
    failing = tmp_path / "bin"
    failing.mkdir()
    (failing / "gpg").write_text("#!/bin/sh\nhead -c 100 >/dev/null\necho no entropy >&2\nexit 2\n")
    (failing / "gpg").chmod(0o755)
    refused = program(
        *("export", "latest", "shop", "--format", "tar.gz", "--output", tmp_path / "x", "--encrypt", "gpg"),
        PATH=f"{failing}:{os.environ['PATH']}",
    )
    assert refused.status == 33, refused.err
    assert "no entropy" in refused.err
    assert [each.name for each in tmp_path.iterdir()] == ["bin"]


def test_only_what_changed_since_a_snapshot_is_exported_and_what_went_is_named(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    shop = plant_shop(tmp_path / "shop")
    first = program.ask("backup", "--path", shop, "--quiet")["id"]
    (shop / "settings.py").write_text("DEBUG = True  # changed\n")
    (shop / "new").mkdir()
    (shop / "new" / "one.txt").write_text("1")
    (shop / "media" / "photo.jpg").unlink()
    program.good("backup", "--path", shop, "--quiet")
    made = program.ask(
        "export", "latest", "shop", "--format", "tar.gz", "--output", tmp_path / "d.tgz", "--since", first, "--quiet"
    )
    assert made["removed"] == ["media/photo.jpg"]
    listed = set(run("tar", "-tzf", str(tmp_path / "d.tgz")).decode().split())
    assert {"settings.py", "new/one.txt"} <= listed
    assert listed.isdisjoint({".env", "media/cover.jpg", "media/photo.jpg"})

    program.good("backup", "--path", plant_shop(tmp_path / "other"), "--quiet")  # another stack of the same day
    words = ("export", first, "shop", "--format", "tar.gz", "--output", tmp_path / "e.tgz", "--since", "latest")
    assert program.ask(*words, "--quiet")["removed"] == ["new", "new/one.txt"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        fill_shop(made)
        yield made


@pytest.mark.judge("postgres")
@pytest.mark.judge("7z")
def test_a_class_writes_its_files_on_a_machine_that_may_only_write_into_the_vault(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = Program.with_vault(tmp_path)
    program.good("key", "issue", "writer", "web", "--output", tmp_path / "writer.key")
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    del program.environment["REBOND_PASSPHRASE"]
    (tmp_path / "stack").mkdir()
    plant_shop(tmp_path / "stack" / "code")
    configure(tmp_path, server, ("owner.key", "writer.key"))
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(
        path.read_text()
        + """
[component.code]
kind = "files"
path = "code"
[class.daily]
trigger = "manual"
components = "all"
export = [
  { component = "db", format = "sql.gz", to = "backups", keep = "30d" },
  { component = "db", format = "dump", to = "dumps" },
  { component = "code", format = "7z", to = "backups", level = 9, encrypt = "7z", password = { file = "pw" } },
]
"""
    )
    (tmp_path / "stack" / "pw").write_text(PASSWORD)
    (tmp_path / "stack" / "pw").chmod(0o600)
    program.environment["REBOND_CONFIG"] = str(path)
    folder = tmp_path / "stack" / "backups"
    folder.mkdir()
    (folder / "db_backup_20200101_000000.sql.gz").write_text("old")
    made = program.ask("backup", "--class", "daily")
    assert made["state"] == "whole"
    assert made["problems"] == []
    plain, code = sorted(folder.iterdir(), key=lambda each: each.suffix == ".7z")
    assert plain.name.startswith("db_backup_2")
    assert plain.stat().st_mode & 0o777 == 0o600
    server.sql("DROP DATABASE IF EXISTS plain")
    server.sql("CREATE DATABASE plain TEMPLATE template0")
    script = gzip.decompress(plain.read_bytes())
    psql = str(server.programs / "psql")
    run(psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", server.connection("plain"), "-f", "-", given=script)
    assert server.dump("plain", "--schema-only") == server.dump("shop", "--schema-only")
    assert server.sql(DESCRIBE, "plain") == server.sql(DESCRIBE, "shop")
    (dump,) = (tmp_path / "stack" / "dumps").iterdir()
    server.sql("DROP DATABASE IF EXISTS custom")
    server.sql("CREATE DATABASE custom TEMPLATE template0")
    run(str(server.programs / "pg_restore"), "--exit-on-error", "-d", server.connection("custom"), str(dump))
    assert server.sql(DESCRIBE, "custom") == server.sql(DESCRIBE, "shop")
    run("7z", "x", f"-p{PASSWORD}", f"-o{tmp_path / 'back'}", str(code))
    assert (tmp_path / "back" / "media" / "photo.jpg").read_bytes() == bytes(range(256)) * 400
    assert server.count_sessions("shop") == 0
