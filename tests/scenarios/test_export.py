"""Exports: what stock tools make of them."""

import gzip
import hashlib
import pathlib
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_database import DESCRIBE, fill_shop
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.errors import TargetNotEmpty
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        fill_shop(made)
        yield made


@pytest.fixture(scope="module")
def saved(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    (folder / "stack").mkdir()
    configure(folder, server)
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    made.good("backup", "--quiet")
    return made


def run(server: PostgresServer, program: str, *words: str, given: bytes = b"") -> str:
    done = subprocess.run(
        [str(server.programs / program), *words], input=given, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="surrogateescape")


def load_into(server: PostgresServer, database: str) -> str:
    server.sql(f"DROP DATABASE IF EXISTS {database}")
    server.sql(f"CREATE DATABASE {database} TEMPLATE template0")
    return server.connection(database)


def test_stock_psql_loads_the_plain_dump_and_its_end_is_that_of_pg_dump(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    document = saved.ask("export", "latest", "db", "--format", "sql.gz", "--output", f"{tmp_path}/", "--quiet")
    path = pathlib.Path(document["files"][0])
    assert re.fullmatch(r"db_backup_\d{8}_\d{6}\.sql\.gz", path.name)
    assert subprocess.run(["gzip", "-t", path], check=False).returncode == 0
    script = gzip.decompress(path.read_bytes())
    assert script.rstrip().endswith(b"-- PostgreSQL database dump complete\n--")
    assert script.count(b"PostgreSQL database dump complete") == 1
    connection = load_into(server, "plain")
    run(server, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", connection, "-f", "-", given=script)
    assert server.dump("plain", "--schema-only") == server.dump("shop", "--schema-only")
    assert server.sql(DESCRIBE, "plain") == server.sql(DESCRIBE, "shop")


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_stock_pg_restore_loads_the_custom_dump(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path, jobs: str
) -> None:
    path = tmp_path / "shop.dump"
    saved.good("export", "latest", "db", "--format", "dump", "--output", str(path), "--quiet")
    connection = load_into(server, "custom")
    run(server, "pg_restore", "--exit-on-error", "-j", jobs, "-d", connection, str(path))
    assert server.dump("custom", "--schema-only") == server.dump("shop", "--schema-only")
    assert server.sql(DESCRIBE, "custom") == server.sql(DESCRIBE, "shop")


def test_stock_pg_restore_lists_and_takes_one_table_also_from_a_pipe(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    piped = saved.good("export", "latest", "db", "--format", "dump", "--output", "-", "--quiet").raw
    listed = run(server, "pg_restore", "--list", given=piped)
    assert "TABLE DATA public orders postgres" in listed or "TABLE DATA public orders" in listed
    only = run(server, "pg_restore", "-t", "event_rest", "--data-only", "-f", "-", given=piped)
    assert "1999-01-01\tc\n" in only
    assert "customer" not in only
    assert run(server, "pg_restore", "-f", "/dev/null", given=piped) == ""


def test_a_file_that_is_there_stays_and_a_directory_takes_one_of_each(saved: Program, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "there.sql.gz"
    path.write_text("mine")
    refused = saved("export", "latest", "db", "--format", "sql.gz", "--output", str(path))
    assert refused.status == 41
    assert path.read_text() == "mine"
    refused = saved("export", "latest", "db", "--format", "sql.gz", "--output", "/nowhere/x.sql.gz")
    assert refused.status == 40
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.zst"])
def test_files_are_the_same_in_an_archive(tmp_path: pathlib.Path, form: str) -> None:
    (tmp_path / "own").mkdir()
    program = Program.with_vault(tmp_path / "own")
    shop = plant_shop(tmp_path / "shop")
    (shop / "large.bin").write_bytes(hashlib.sha256(b"x").digest() * 100_000)
    program.good("backup", "--path", shop, "--quiet")
    path = tmp_path / f"shop.{form}"
    program.good("export", "latest", "shop", "--format", form, "--output", str(path), "--quiet")
    back = tmp_path / "back"
    if form == "zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            archive.extractall(back)
            assert archive.getinfo(".env").external_attr >> 16 & 0o777 == 0o600
    else:
        words = ["tar", "-x", "-C", str(back), "-f", "-"]
        back.mkdir()
        unpack = ["gzip", "-dc"] if form == "tar.gz" else ["python3", "-c", "import zstandard"]
        if form == "tar.gz":
            content = subprocess.run([*unpack, str(path)], capture_output=True, check=True).stdout
        else:
            import zstandard

            content = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
        subprocess.run(words, input=content, check=True)
        assert (back / "media" / "cover.jpg").is_symlink()
        assert tarfile.is_tarfile(path) or form == "tar.zst"
    for name in (".env", "settings.py", "media/photo.jpg", "large.bin"):
        assert (back / name).read_bytes() == (shop / name).read_bytes()


def check_sums(folder: pathlib.Path, name: str) -> bool:
    """Ask the guide's own check."""
    done = subprocess.run(["sha256sum", "--strict", "-c", name], cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


def test_the_sum_beside_an_archive_is_what_sha256sum_checks(saved: Program, tmp_path: pathlib.Path) -> None:
    odd = "a \\ back\nup.sql.gz"
    for name, form in ((odd, "sql.gz"), ("shop.dump", "dump")):
        wish = ("export", "latest", "db", "--format", form, "--checksum", "--output", tmp_path / name)
        document = saved.ask(*wish, "--quiet")
        assert document["files"] == [str(tmp_path / name), f"{tmp_path / name}.sha256"]
        assert check_sums(tmp_path, f"{name}.sha256")
    content = bytearray((tmp_path / odd).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / odd).write_bytes(content)
    assert not check_sums(tmp_path, f"{odd}.sha256")

    (tmp_path / "taken.dump.sha256").write_text("somebody's")
    ended = saved(
        "export", "latest", "db", "--format", "dump", "--checksum", "--output", tmp_path / "taken.dump", "--quiet"
    )
    assert ended.status == TargetNotEmpty.exit_status
    assert not (tmp_path / "taken.dump").exists()
    assert saved("export", "latest", "db", "--format", "dump", "--checksum", "--output", "-").status == 2


def test_a_class_writes_the_daily_file_of_the_guide_and_takes_only_its_own_old_ones_away(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = Program.with_vault(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server)
    path = tmp_path / "stack" / "rebond.toml"
    wish = '[class.daily]\ntrigger = "manual"\ncomponents = "all"\n'
    wish += 'export = [{ component = "db", format = "sql.gz", to = "backups", keep = "30d", checksum = true }]\n'
    path.write_text(path.read_text() + wish)
    program.environment["REBOND_CONFIG"] = str(path)
    folder = tmp_path / "stack" / "backups"
    folder.mkdir()
    others = ("db_backup_20200101_000000.sql", "db_backup_20200101.sql.gz", "mine_20200101_000000.sql.gz")
    old = ("db_backup_20200101_000000.sql.gz", "db_backup_20200101_000000.sql.gz.sha256")
    for name in (*others, *old, "db_backup_29990101_000000.sql.gz"):
        (folder / name).write_text(name)
    assert program.ask("backup", "--class", "daily")["state"] == "whole"
    left = {each.name for each in folder.iterdir()}
    assert left >= {*others, "db_backup_29990101_000000.sql.gz"}
    assert not left & set(old)
    made, sums = sorted(left - {*others, "db_backup_29990101_000000.sql.gz"})
    assert sums == f"{made}.sha256"
    assert check_sums(folder, sums)
    assert b'COPY "public"."orders"' in gzip.decompress((folder / made).read_bytes())

    (folder / made).unlink()
    folder.chmod(0o700)
    (tmp_path / "stack" / "file").write_text("no directory")
    path.write_text(path.read_text().replace('to = "backups"', 'to = "file"'))
    ended = program("backup", "--class", "daily", "--json")
    assert ended.status == 3, ended.err  # the snapshot stands
    assert ended.document["state"] == "whole"
    assert [each["code"] for each in ended.document["problems"]] == ["export-failed"]


@pytest.mark.parametrize("form", ["sql.gz", "dump"])
def test_verify_reads_an_exported_database_to_its_end(saved: Program, tmp_path: pathlib.Path, form: str) -> None:
    path = tmp_path / f"shop.{form}"
    saved.good("export", "latest", "db", "--format", form, "--output", str(path), "--checksum", "--quiet")
    (report,) = saved.ask("verify", str(path), "--quiet")["files"]
    assert report["ok"]
    assert report["has_sum"]
    assert report["form"] == form
    path.with_name(path.name + ".sha256").unlink()
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:-200]):
        path.write_bytes(part)
        assert saved("verify", str(path), "--quiet").status == 4


@pytest.mark.parametrize("words", [("-Z0",), ("-Z6",), ("-Z0", "-s")])
def test_verify_reads_what_pg_dump_itself_wrote(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "shop.dump"
    run(server, "pg_dump", "-Fc", *words, "-f", str(path), "-d", server.connection("shop"))
    (report,) = saved.ask("verify", str(path), "--quiet")["files"]
    assert report["ok"]
    path.write_bytes(path.read_bytes()[:-100])
    assert saved("verify", str(path), "--quiet").status == 4
