"""``restore --in-place``: what comes back, what stays, what is undone, and what is refused."""

import contextlib
import errno
import http.server
import json
import os
import pathlib
import resource
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
from typing import Any

import pytest
from tests.bounded import join
from tests.scenarios.shop_in_place import Shop
from tests.shims.placing import place_shims

from rebond.errors import RestoreError
from rebond.history.ledger import Ledger
from rebond.history.runs import RunFilter, read_runs
from rebond.operations.recovery import file_part, journal, swap_steps
from rebond.operations.recovery.file_part import FilePart


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def shop(template: Shop, tmp_path: pathlib.Path) -> Shop:
    return template.copied(tmp_path / "there")


def in_place(shop: Shop, *words: str) -> Any:
    return json.loads(shop.program.good("restore", "latest", *words, "--in-place", "--yes", "--json").out)


def test_everything_comes_back_and_what_no_rule_saves_stays_where_it_is(shop: Shop) -> None:
    answer = in_place(shop)

    assert shop.files() == shop.restored_files()
    assert shop.rows() == ["saved"]
    assert shop.trace() == ["stop", "rebuild", "regenerate", "start", "healthy"]
    assert answer["state"] == "kept"
    assert [each["kind"] for each in answer["steps"]].count("put") == 4
    aside = {name: pathlib.Path(path) for name, path in answer["aside"].items()}
    assert (aside["code"] / "src" / "new.py").read_text() == "new"
    assert (aside["env"] / ".env").read_text() == "KEY=broken"
    assert len(shop.beside()) == 1


def test_a_rollback_brings_back_exactly_what_was_there_and_leaves_nothing(shop: Shop) -> None:
    times = {name: (shop.root / name).stat().st_mtime_ns for name in ("src", "media", "src/app.py")}
    run = in_place(shop)["run"]
    shop.trace()

    shop.program.good("restore", "--rollback", run[:6], "--yes")

    assert shop.files() == shop.broken_files
    assert shop.rows() == ["saved", "broken"]
    assert shop.trace() == ["stop", "start"]
    assert shop.beside() == []
    assert {name: (shop.root / name).stat().st_mtime_ns for name in times} == times
    assert shop.program("restore", "--rollback", run, "--yes").status == 6
    assert shop.program("restore", "--resume", run).status == 6


def test_a_file_that_cannot_be_written_here_leaves_the_live_version_alone(shop: Shop) -> None:
    """All but that file was put in its place, and the live file set aside, with a warning among others."""
    shop.write("media/film.jpg", "x" * 3_000_000)
    shop.program.good("backup")
    shop.write("media/film.jpg", "broken")
    before = shop.files()
    words = ("restore", "latest", "media", "--in-place", "--yes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # as a file system that holds no larger files
    try:
        refused = shop.program(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (refused.status, "film.jpg could not be written" in refused.err) == (40, True), refused.err
    assert (shop.files(), shop.beside()) == (before, [])
    shutil.rmtree(shop.root / "media")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        told = shop.program(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.status == 3, "where nothing lies, all else is better than nothing"
    assert not (shop.root / "media/film.jpg").exists()


def test_what_users_wrote_since_needs_a_second_word_and_is_kept(shop: Shop) -> None:
    run = in_place(shop)["run"]
    shop.write("src/app.py", "written since")
    shop.write("media/since.jpg", "written since")

    refused = shop.program("restore", "--rollback", run, "--yes")
    assert (refused.status, "code, media" in refused.err) == (6, True)
    assert shop.files()["media/since.jpg"]

    answer = shop.program("restore", "--rollback", run, "--yes", "--set-newer-aside")
    assert answer.status == 0
    assert shop.files() == shop.broken_files
    kept = {each.name: each.read_text() for each in shop.beside()[0].rglob("*") if each.name in {"app.py", "since.jpg"}}
    assert kept == {"app.py": "written since", "since.jpg": "written since"}
    assert str(shop.beside()[0]) in answer.err


def write_and_die(database: pathlib.Path, text: str) -> None:
    """Write a row as an application that is killed before SQLite has put it into the database itself."""
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=wal")
connection.execute("CREATE TABLE IF NOT EXISTS rows (text TEXT)")
connection.execute("INSERT INTO rows VALUES (?)", (sys.argv[2],))
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, database, text], check=False)
    assert database.with_name(f"{database.name}-wal").stat().st_size > 0


def test_what_sqlite_left_beside_the_new_version_is_never_read_with_the_old_one(shop: Shop) -> None:
    run = in_place(shop, "db")["run"]
    write_and_die(shop.root / "shop.db", "written since")

    refused = shop.program("restore", "--rollback", run, "--yes")
    assert (refused.status, "wrote to db" in refused.err) == (6, True)
    assert shop.program("restore", "--rollback", run, "--yes", "--set-newer-aside").status == 0
    assert shop.rows() == ["saved", "broken"]
    (kept,) = shop.beside()[0].rglob("shop.db")
    with contextlib.closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT text FROM rows").fetchall() == [("saved",), ("written since",)]


def test_what_sqlite_left_beside_a_database_among_files_goes_aside_with_it(shop: Shop) -> None:
    other = shop.root / "media" / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE rows (text TEXT)")
        connection.execute("INSERT INTO rows VALUES ('saved')")
    shop.program.good("backup")
    write_and_die(other, "broken")

    in_place(shop, "media", "--include", "/other.db")

    with contextlib.closing(sqlite3.connect(other)) as connection:
        assert connection.execute("SELECT text FROM rows").fetchall() == [("saved",)]
    shop.program.good("restore", "--rollback", "latest", "--yes")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        assert connection.execute("SELECT text FROM rows").fetchall() == [("saved",), ("broken",)]


def test_accepting_deletes_the_old_version_and_nothing_can_be_undone_then(shop: Shop) -> None:
    run = in_place(shop)["run"]

    shop.program.good("restore", "--accept", run, "--yes")

    assert shop.beside() == []
    assert shop.files() == shop.restored_files()
    assert shop.program("restore", "--rollback", run, "--yes").status == 6
    assert shop.program("restore", "--accept", run, "--yes").status == 6


@pytest.mark.parametrize("words", [("media",), ("db",), ("env", "media")])
def test_only_the_components_that_were_named_come_back(shop: Shop, words: tuple[str, ...]) -> None:
    in_place(shop, *words)

    owners = {"media": ("media/",), "db": ("shop.db",), "env": (".env",)}
    wanted = tuple(start for each in words for start in owners[each])
    others = {name: text for name, text in shop.broken_files.items() if not name.startswith(wanted)}
    assert shop.files() == {**others, **{n: t for n, t in shop.saved_files.items() if n.startswith(wanted)}}


def test_one_path_comes_back_and_nothing_beside_it_is_touched(shop: Shop) -> None:
    in_place(shop, "code", "--include", "/src/app.py")
    assert shop.files() == {**shop.broken_files, "src/app.py": shop.saved_files["src/app.py"]}


@pytest.mark.parametrize("pattern", ["/src/app.py", "app.py", "code/src/app.py"])
def test_what_is_left_out_stays_as_it_is_and_is_not_set_aside(shop: Shop, pattern: str) -> None:
    in_place(shop, "code", "--exclude", pattern)
    shop.program.good("restore", "--accept", "latest", "--yes")
    files = shop.files()
    assert files["src/app.py"] == shop.broken_files["src/app.py"]
    assert "src/new.py" not in files


def test_a_directory_that_is_named_comes_back_without_what_was_added_to_it(shop: Shop) -> None:
    in_place(shop, "code", "--include", "/src/")
    files = shop.files()
    assert "src/new.py" not in files
    assert files["src/app.py"] == shop.saved_files["src/app.py"]
    assert "src/lib/trace.tmp" in files  # smart leaves it out, so it is not this component's to move


def test_the_outer_component_leaves_alone_what_belongs_to_another_one(shop: Shop) -> None:
    in_place(shop, "code")
    files = shop.files()
    for name in ("media/c.jpg", ".env", "shop.db"):
        assert files[name] == shop.broken_files[name]
    assert files["src/app.py"] == shop.saved_files["src/app.py"]


def test_a_folder_that_is_called_as_anothers_is_behind_the_components_name_comes_back(shop: Shop) -> None:
    for name in ("code/media/theirs.jpg", "media/ours.jpg"):
        shop.write(name, "saved")
    shop.configure('path = "media"', 'path = "code/media"')  # in "code", where /code/media is not what /media is
    shop.program.good("backup")
    shop.write("media/ours.jpg", "broken")
    in_place(shop, "code")
    assert (shop.root / "media" / "ours.jpg").read_text() == "saved"


def test_what_is_gone_altogether_is_made_again(shop: Shop) -> None:
    shutil.copy(shop.root / "rebond.toml", shop.folder / "rebond.toml")
    shop.program.environment["REBOND_CONFIG"] = str(shop.folder / "rebond.toml")
    path = shop.folder / "rebond.toml"
    path.write_text(path.read_text().replace('"shop"\n', '"shop"\nroot = "shop"\n', 1).replace('"../', '"'))
    shutil.rmtree(shop.root)

    run = in_place(shop)["run"]
    expected = {n: t for n, t in shop.saved_files.items() if not n.startswith(("node_modules/", "logs/"))}
    assert shop.files() == {**expected, ".env": expected[".env"].replace("640", "600")}  # no older one tells its mode

    assert shop.program("restore", "--rollback", run, "--yes").status == 0  # nothing was there, so nothing is started
    assert not shop.root.exists()


def test_a_stop_command_that_fails_changes_nothing(shop: Shop) -> None:
    shop.configure('stop = [{ run = "echo stop >> ../trace" }]', 'stop = [{ run = "echo stop >> ../trace; exit 3" }]')
    before = shop.files()

    answer = shop.program("restore", "latest", "--in-place", "--yes")

    assert answer.status == 33
    assert "as it was" in answer.err
    assert shop.files() == before
    assert shop.trace() == ["stop", "start"]
    assert shop.beside() == []


def test_a_health_check_that_fails_brings_the_old_version_back(shop: Shop) -> None:
    shop.configure('"echo healthy >> ../trace"', '"echo healthy >> ../trace; exit 1"')
    before = shop.files()

    answer = shop.program("restore", "latest", "--in-place", "--yes")

    assert answer.status == 33
    assert shop.files() == before
    assert shop.rows() == ["saved", "broken"]
    trace = shop.trace()
    assert trace[:4] == ["stop", "rebuild", "regenerate", "start"]
    assert trace[-2:] == ["stop", "start"]
    assert shop.beside() == []
    assert shop.program("restore", "latest", "--in-place", "--yes", "--dry-run").status == 0


@pytest.mark.parametrize("quietly", [(), ("--quiet",)])
def test_services_that_do_not_start_on_the_way_back_either_are_the_last_word(
    shop: Shop, quietly: tuple[str, ...]
) -> None:
    """With --quiet nothing else was shown than that all was as before, and the site stayed down."""
    shop.configure('run = "echo start >> ../trace"', 'run = "echo start >> ../trace; exit 7"')
    before = shop.files()

    answer = shop.program("restore", "latest", "--in-place", "--yes", *quietly)

    assert (answer.status, shop.files() == before, shop.beside()) == (33, True, [])
    assert shop.trace()[-3:] == ["start", "stop", "start"]
    last = answer.err[answer.err.rindex("rebond: ") :]
    assert "the services may not be running" in last, answer.err
    assert "start them by hand" in last
    assert "is as it was" not in answer.err


def test_what_services_write_until_they_are_stopped_is_kept_when_it_is_undone(shop: Shop) -> None:
    """They were asked for it while they ran, and a picture that they changed until they stood was deleted."""
    shop.configure('run = "echo stop >> ../trace"', 'run = "test ! -e ../late || echo late > media/a.jpg"')
    shop.program.good("restore", "latest", "media", "--in-place", "--yes")
    (shop.folder / "late").touch()
    answer = shop.program("restore", "--rollback", "latest", "--yes")
    assert answer.status == 0, answer.err
    assert "written-since/media" in answer.err
    assert "late\n" in [each.read_text() for each in shop.folder.rglob("written-since/media/**/a.jpg")]


def test_what_does_not_stop_on_the_way_back_is_not_said_to_be_stopped(shop: Shop) -> None:
    """It was told to run the stop by hand, since the services might not be running."""
    shop.configure('run = "echo stop >> ../trace"', 'run = "echo stop >> ../trace; test ! -e ../stuck"')
    shop.program.good("restore", "latest", "--in-place", "--yes")
    (shop.folder / "stuck").touch()
    answer = shop.program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
    assert answer.status == 3, answer.err
    assert "may have run on meanwhile" in answer.err
    assert "may not be running" not in answer.err


def test_a_disk_that_fills_while_it_is_fetched_changes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_arguments: object, **_more: object) -> None:
        raise RestoreError("No room left in {path}.", hint="Free some.", path="/there")

    monkeypatch.setattr(file_part, "restore", fill)
    answer = shop.program("restore", "latest", "--in-place", "--yes")

    assert (answer.status, "Nothing was changed" in answer.err) == (40, True)
    assert shop.files() == shop.broken_files
    assert shop.trace() == []
    assert shop.beside() == []


def test_a_disk_that_fills_while_it_is_put_in_place_is_rolled_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = os.rename, []

    def rename(source: bytes, target: bytes) -> None:
        done.append(target)
        if len(done) == 4:
            raise OSError(28, "No space left on device", target)
        real(source, target)

    monkeypatch.setattr("rebond.operations.recovery.moving.os.rename", rename)
    answer = shop.program("restore", "latest", "--in-place", "--yes")

    assert answer.status == 40
    assert "No space left" in answer.err
    assert shop.files() == shop.broken_files
    assert shop.trace() == ["stop", "start"]
    assert shop.beside() == []


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, after: int, *, has_reserve: bool) -> None:
    """Let no line be written to a journal after the first ones; the reserve of the run may be what is missing."""
    append, left = journal._append, [after]

    def fail(path: pathlib.Path, lines: bytes) -> None:
        left[0] -= 1
        if left[0] < 0 and not (has_reserve and not path.with_name("reserve").exists()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        append(path, lines)

    monkeypatch.setattr(journal, "_append", fail)


@pytest.mark.parametrize("after", range(1, 12, 3))
def test_a_journal_on_a_full_disk_goes_on_with_what_the_run_has_kept_for_that(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    fill_the_disk(monkeypatch, after, has_reserve=True)
    run = in_place(shop, "code", "db")["run"]
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (shop.files(), shop.beside()) == (shop.broken_files, [])
    assert not (shop.folder / "state" / "restores" / run / "reserve").exists()


@pytest.mark.parametrize("after", range(1, 12, 3))
def test_a_journal_that_cannot_be_written_at_all_names_the_two_ways_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full, after, has_reserve=False)
        answer = shop.program("restore", "latest", "code", "db", "--in-place", "--yes")
    assert answer.status == 40
    assert "rebond restore --resume" in answer.err
    assert "rebond restore --rollback" in answer.err
    shop.program.good("restore", "--rollback", "latest", "--yes")
    assert (shop.files(), shop.beside(), shop.trace()[-1:]) in [
        (shop.broken_files, [], ["start"]),
        (shop.broken_files, [], []),
    ]


def test_a_restore_that_was_cut_is_told_by_whoever_is_asked_how_things_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        fill_the_disk(full, 7, has_reserve=False)
        shop.program("restore", "latest", "code", "db", "--in-place", "--yes")
    (remark,) = (each for each in shop.program.ask("status")["remarks"] if each["code"] == "restore-half-done")
    seen = json.loads(shop.program("doctor", "--json").out)
    (found,) = (each for each in seen["findings"] if each["code"] == "restore-half-done")
    assert found["weight"] == "failure"
    assert "rebond restore --resume" in remark["hint"]

    shop.program.good(*shlex.split(found["command"])[1:])
    assert not [each for each in shop.program.ask("status")["remarks"] if each["code"] == "restore-half-done"]
    assert "restore-half-done" not in shop.program("doctor", "--json").out


def test_a_way_back_that_failed_is_told_as_that_by_whoever_is_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step failed, and so did the undoing: it was said that somebody had asked for that."""
    shop.configure('run = "echo rebuild >> ../trace"', 'run = "false"')

    def fail(part: FilePart) -> None:
        raise RestoreError("There is no way back for {name}.", name=part.name)

    with monkeypatch.context() as broken:
        broken.setattr(FilePart, "take_back", fail)
        assert shop.program("restore", "latest", "code", "--in-place", "--yes").status == 40
    answer = shop.program("restore", "latest", "code", "--in-place", "--yes", "--json")
    told = json.loads(answer.out)["error"]
    assert (answer.status, "'false' failed" in told["message"], "--rollback" in told["hint"]) == (6, True, True), told
    (remark,) = (each for each in shop.program.ask("status")["remarks"] if each["code"] == "restore-half-done")
    assert remark["message"] == told["message"]
    assert "'false' failed" in shop.program("doctor", "--json").out
    saved = shop.program("backup")
    assert ("--rollback" in saved.err, "--resume" in saved.err) == (True, False), "what is half undone cannot go on"
    shop.program.good("restore", "--rollback", "latest", "--yes")
    assert ((shop.root / "src" / "app.py").read_text(), shop.beside()) == ("broken", [])


def test_a_way_back_that_is_interrupted_names_only_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.configure('run = "echo rebuild >> ../trace"', 'run = "false"')

    def interrupt(_swap: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as busy:
        busy.setattr(swap_steps, "take_back", interrupt)
        answer = shop.program("restore", "latest", "code", "db", "--in-place", "--yes")
    assert (answer.status, "--rollback" in answer.err, "--resume" in answer.err) == (130, True, False)
    shop.program.good("restore", "--rollback", "latest", "--yes")
    assert (shop.root / "src" / "app.py").read_text() == "broken"


def test_room_is_asked_for_before_anything_is_fetched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    class Full:
        def __init__(self, path: object) -> None:
            self.f_bavail, self.f_frsize = 0, real(str(shop.folder)).f_frsize

    monkeypatch.setattr("rebond.operations.recovery.checking.os.statvfs", Full)
    answer = shop.program("restore", "latest", "--in-place", "--yes")
    assert (answer.status, "has room for" in answer.err) == (40, True)
    assert (shop.files(), shop.trace(), shop.beside()) == (shop.broken_files, [], [])


def test_a_damaged_vault_stops_it_before_the_services_are(shop: Shop) -> None:
    for pack in (shop.folder / "vault" / "packs").rglob("*"):
        if pack.is_file():
            content = bytearray(pack.read_bytes())
            for place in range(60, len(content), 50):  # one byte alone may lie in a part that no restore needs
                content[place] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(bytes(content))
    answer = shop.program("restore", "latest", "--in-place", "--yes")
    assert answer.status == 4
    assert (shop.files(), shop.trace(), shop.beside()) == (shop.broken_files, [], [])


def test_the_plan_says_what_earlier_runs_took_and_the_ledger_keeps_it(shop: Shop) -> None:
    first = shop.program.good("restore", "latest", "--in-place", "--dry-run")
    assert "unknown" in first.out
    assert (shop.files(), shop.beside(), (shop.folder / "state" / "restores").exists()) == (
        shop.broken_files,
        [],
        False,
    )

    run = in_place(shop)
    ledger = Ledger(shop.folder / "state" / "history")
    steps = read_runs(ledger, RunFilter(kind="restore", newest=1))[0].facts["steps"]
    assert [each["kind"] for each in steps] == [each["kind"] for each in run["steps"]]
    assert all(each["seconds"] >= 0 for each in steps)
    second = shop.program("restore", "latest", "--in-place", "--dry-run", "--json").document
    assert all(each["expected_seconds"] is not None for each in second["steps"])


def test_wrong_words_are_refused_before_anything_happens(shop: Shop) -> None:
    def status(*words: str) -> int:
        return shop.program("restore", *words).status

    assert status("latest", "--in-place") == 6  # no terminal, no --yes
    assert status("latest") == 2  # no place
    assert status("--in-place", "--yes") == 2  # no snapshot
    assert status("latest", "medai", "--in-place", "--yes") == 2
    assert status("latest", "--in-place", "--yes", "--to", "x") == 2
    assert status("latest", "--in-place", "--yes", "--resume", "abcd") == 2
    assert status("latest", "--rollback", "abcd", "--yes") == 2
    assert status("latest", "--in-place", "--yes", "--overwrite", "always") == 2
    assert status("--resume", "abcd") == 2
    assert status("--accept", "latest", "--yes") == 2
    assert (shop.files(), shop.trace(), shop.beside()) == (shop.broken_files, [], [])


def test_of_what_is_never_saved_it_is_said_that_nothing_can_come_back(shop: Shop) -> None:
    answer = shop.program("restore", "latest", "static", "--in-place", "--yes")
    assert (answer.status, shop.files(), shop.trace()) == (2, shop.broken_files, [])
    assert "Nothing of static is saved" in answer.err


def test_without_a_configuration_nothing_has_a_place(shop: Shop, tmp_path: pathlib.Path) -> None:
    answer = shop.program(
        "restore", "latest", "--in-place", "--yes", REBOND_CONFIG="", HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path)
    )
    assert answer.status == 2
    assert "configuration" in answer.err


def test_a_later_restore_is_undone_first(shop: Shop) -> None:
    first, second = in_place(shop)["run"], in_place(shop, "media")["run"]
    answer = shop.program("restore", "--rollback", first, "--yes")
    assert (answer.status, second in answer.err) == (6, True)
    shop.program.good("restore", "--rollback", second, "--yes")
    shop.program.good("restore", "--rollback", first, "--yes", "--set-newer-aside")  # undoing the second was a change
    assert shop.files() == shop.broken_files


def test_the_newest_version_of_each_component_before_a_moment_and_how_far_they_are_apart(shop: Shop) -> None:
    shop.program.good("backup", "db")
    answer = in_place_at(shop, "2099-01-01")
    assert shop.rows() == ["saved", "broken"]
    assert shop.files()["src/app.py"] == shop.saved_files["src/app.py"]
    snapshots = {each["name"]: each["snapshot"] for each in answer["parts"]}
    assert snapshots["db"] != snapshots["code"] == snapshots["media"]
    assert answer["spread_seconds"] > 0


def in_place_at(shop: Shop, moment: str) -> Any:
    return json.loads(shop.program.good("restore", "--at", moment, "--in-place", "--yes", "--json").out)


def test_commands_after_the_restore_see_the_variables_that_came_back(shop: Shop) -> None:
    shop.configure('name = "shop"', 'name = "shop"\nenv = [".env"]')
    shop.configure('"echo stop >> ../trace"', '"echo stop-$KEY >> ../trace"')
    shop.configure('"echo start >> ../trace"', '"echo start-$KEY >> ../trace"')
    in_place(shop, "env")
    trace = shop.trace()
    assert (trace[0], trace[-2]) == ("stop-broken", "start-saved")


def test_an_address_is_asked_until_it_answers_well(shop: Shop) -> None:
    answers = [500, 503, 200]

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/health"
        shop.configure('run = "echo healthy >> ../trace", within = "1s"', f'url = "{address}", within = "20s"')
        in_place(shop, "media")
        assert answers == []
        server.shutdown()
        join(thread)


def test_files_of_a_container_come_back_where_this_machine_has_them_mounted(shop: Shop) -> None:
    (shop.root / "compose.yml").write_text("services: {}")
    shop.configure('name = "shop"', 'name = "shop"\ncompose = ["compose.yml"]')
    shop.configure('path = "media"', f'in = "compose:web"\npath = "{shop.root}/media"')
    answers = shop.folder / "answers"
    answers.mkdir()
    (answers / "ids").write_text("abc\n")
    mounts = [{"Type": "bind", "Source": str(shop.root / "media"), "Destination": f"{shop.root}/media"}]
    (answers / "mounts").write_text(json.dumps([{"Id": "abc", "Mounts": mounts}]))
    compose = f"docker compose --file {shop.root}/compose.yml"
    (answers / "answers").write_text(
        json.dumps({f"{compose} ps --all --quiet web": "ids", "docker inspect abc": "mounts"})
    )
    shims = place_shims(shop.folder / "bin")
    shop.program.environment |= {"PATH": shims["PATH"], "SHIM_RUNNING": "web", "SHIM_ANSWERS": str(answers)}
    shop.program.good("backup")
    shop.write("media/c.jpg", "changed after the backup")
    shop.program.environment["SHIM_RUNNING"] = ""  # it is stopped by then
    shop.program.good("restore", "latest", "code", "--in-place", "--yes")
    assert (shop.root / "media" / "c.jpg").read_text() == "changed after the backup"

    answer = shop.program.good("restore", "--at", "2099-01-01", "media", "--in-place", "--yes", "--json")
    assert json.loads(answer.out)["parts"][0]["place"] == str(shop.root / "media")
    assert (shop.root / "media" / "c.jpg").read_text() == "new"


@pytest.mark.parametrize("words", [("--table", "public.orders"), ("--schema", "sales")])
def test_files_have_no_tables(shop: Shop, words: tuple[str, str]) -> None:
    answer = shop.program("restore", "latest", "code", "--in-place", *words, "--yes")
    assert (answer.status, shop.files(), shop.trace()) == (2, shop.broken_files, [])
    assert "None of them is a PostgreSQL database" in answer.err
