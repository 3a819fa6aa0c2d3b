"""Sets of components: what is whole, what is the latest, what counts, and what is expected of each part."""

import contextlib
import os
import pathlib
import sqlite3

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
include = ["conf.d/*.toml"]
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "."
omit = ["media/", "conf.d/", "*.db"]
strategy = "smart"
[component.media]
kind = "files"
path = "media"
[component.db]
kind = "sqlite"
path = "shop.db"
[class.daily]
schedule = "0 3 * * *"
components = "all"
keep = { last = 2 }
[class.quick]
schedule = "0 * * * *"
components = ["db"]
[class.utmost]
trigger = "manual"
components = "all"
strategy = "compressed"
[class.changes]
trigger = "manual"
components = "all"
strategy = "differential"
"""


@pytest.fixture
def shop(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    root = tmp_path / "shop"
    for name in ("media/a.jpg", "media/b.jpg", "media/deep/c.jpg", "settings.py", ".git/HEAD", "conf.d/empty.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode() * 100 if not name.startswith("conf.d") else b"")
    with contextlib.closing(sqlite3.connect(root / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    (root / "rebond.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def program(shop: pathlib.Path) -> Program:
    made = Program.with_vault(shop.parent)
    made.leave_vault_to_configuration()
    return made


def expect(shop: pathlib.Path, component: str, rule: str) -> None:
    """Give a component one more line."""
    path = shop / "rebond.toml"
    head = f"[component.{component}]\n"
    path.write_text(path.read_text().replace(head, head + rule + "\n"))


def restored(program: Program, to: pathlib.Path, *words: str) -> set[str]:
    program.good("restore", *words, "--to", to)
    return {str(each.relative_to(to)) for each in to.rglob("*") if each.is_file()}


def test_the_class_that_saves_all_is_meant_when_none_is_named_and_its_set_comes_back(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    made = program.ask("backup")
    assert (made["class"], made["state"], made["lacks"]) == ("daily", "whole", [])

    everything = restored(program, tmp_path / "one", "latest")
    assert everything == {
        "code/settings.py",
        "code/rebond.toml",
        "media/a.jpg",
        "media/b.jpg",
        "media/deep/c.jpg",
        "db/shop.db",
    }
    assert restored(program, tmp_path / "two", "latest", "media", "db") == {
        each for each in everything if not each.startswith("code/")
    }
    assert restored(program, tmp_path / "three", "latest", "media", "--include", "deep/") == {"media/deep/c.jpg"}
    assert program("restore", "latest", "medai", "--to", tmp_path / "four").status == 2


def test_a_part_of_the_set_is_never_the_latest_while_there_is_a_set(program: Program, tmp_path: pathlib.Path) -> None:
    first = program.ask("backup", "media")
    assert (first["lacks"], first["state"], first["class"]) == (["code", "db"], "whole", "")
    assert restored(program, tmp_path / "one", "latest") == {"media/a.jpg", "media/b.jpg", "media/deep/c.jpg"}
    whole = program.ask("backup")["id"]
    quick = program.ask("backup", "--class", "quick")
    program.good("backup", "media")

    assert quick["lacks"] == ["code", "media"]
    for text, meant in (("latest", whole), ("latest:quick", quick["id"]), ("latest:daily", whole)):
        answer = program("restore", text, "--to", tmp_path / "no", "--dry-run", "--json")
        assert answer.document["snapshot"] == meant
    moment = program("restore", "--at", "2099-01-01", "--to", tmp_path / "no", "--dry-run", "--json")
    assert moment.document["snapshot"] == whole


def test_a_partial_set_is_never_the_latest_and_never_counted(program: Program, shop: pathlib.Path) -> None:
    whole = [program.ask("backup")["id"] for _ in range(2)]
    (shop / "shop.db").rename(shop / "gone.db")
    failed = program("backup")
    assert failed.status == 31
    assert [each["id"] for each in program.ask("snapshots")] == whole
    for _ in range(2):
        partial = program("backup", "--allow-partial", "--json")
        assert (partial.status, partial.document["state"]) == (3, "partial")
        assert {each["name"]: each["complete"] for each in partial.document["components"]}["db"] is False
        assert "It is partial, without db: never the latest" in program("backup", "--allow-partial").out
        assert "The component db is not in this snapshot" in partial.document["problems"][0]["message"]

    latest = program("restore", "latest", "--to", shop.parent / "no", "--dry-run", "--json")
    assert latest.document["snapshot"] == whole[-1]
    forgotten = program.ask("forget", "--yes")["forgotten"]
    assert forgotten == []  # keep = { last = 2 } counts the whole ones; newer partial ones stay beside them
    (shop / "gone.db").rename(shop / "shop.db")
    newest = program.ask("backup")["id"]
    gone = set(program.ask("forget", "--yes")["forgotten"])
    assert {each["id"] for each in program.ask("snapshots")} == {whole[-1], newest}
    assert len(gone) == 5


def test_a_media_folder_that_came_up_empty_fails_and_yesterday_stays_the_latest(
    program: Program, shop: pathlib.Path
) -> None:
    yesterday = program.ask("backup")["id"]
    (shop / "media").rename(shop / "unmounted")
    (shop / "media").mkdir()
    failed = program("backup")

    assert failed.status == 32
    assert "media is empty." in failed.err
    assert "write allow_empty = true." in failed.err
    assert [each["id"] for each in program.ask("snapshots")] == [yesterday]
    assert program("backup", "--allow-partial").status == 3
    latest = program("restore", "latest", "--to", shop.parent / "no", "--dry-run", "--json")
    assert latest.document["snapshot"] == yesterday


@pytest.mark.parametrize("verdict", ["fail", "warn"])
def test_what_shrank_is_compared_with_the_last_set_of_the_same_files(
    program: Program, shop: pathlib.Path, verdict: str
) -> None:
    expect(shop, "media", f'expect = {{ shrink = {{ is = "<= 20%", else = "{verdict}" }} }}')
    program.good("backup")
    program.good("backup", "--class", "quick")
    (shop / "media" / "a.jpg").unlink()
    answer = program("backup")

    words = "The component media is not as expected: shrink is 28.9%, not <= 20%."
    assert (answer.status, words in answer.err) == (32 if verdict == "fail" else 3, True)
    assert [each["state"] for each in program.ask("snapshots")] == ["whole"] * (2 if verdict == "fail" else 3)
    if verdict == "warn":
        program.good("backup")  # now that is what the next one is compared with


def test_another_strategy_is_no_shrinking(program: Program, shop: pathlib.Path) -> None:
    (shop / ".git" / "pack").write_bytes(bytes(1_000_000))
    expect(shop, "code", 'expect = { shrink = "<= 20%" }')
    program.good("backup", "--class", "utmost")
    program.good("backup", "--class", "daily")
    (shop / ".git" / "pack").unlink()
    assert program("backup", "--class", "daily").status == 0
    assert program("backup", "--class", "changes").status == 32


def test_the_age_of_the_newest_file_is_judged(program: Program, shop: pathlib.Path) -> None:
    expect(shop, "media", 'expect = { newest = "<= 2d" }')
    program.good("backup")
    for each in (shop / "media").rglob("*.jpg"):
        os.utime(each, (1_500_000_000, 1_500_000_000))
    answer = program("backup")

    assert answer.status == 32
    assert "The component media is not as expected: newest is " in answer.err
    assert ", not <= 2 d." in answer.err


def test_what_is_required_fails_or_warns(program: Program, shop: pathlib.Path) -> None:
    expect(shop, "code", 'require = ["settings.py", { path = "frontend", else = "warn" }]')
    answer = program("backup", "--json")
    assert (answer.status, [each["code"] for each in answer.document["problems"]]) == (3, ["required-missing"])
    (shop / "settings.py").unlink()
    assert program("backup").status == 32


def test_strategies_of_archives_say_what_they_mean_for_a_vault(program: Program) -> None:
    utmost = program("backup", "--class", "utmost")
    assert (utmost.status, "saves code, media completely, and the whole snapshot at the level dense" in utmost.err) == (
        0,
        True,
    )
    changes = program("backup", "--class", "changes")
    assert (changes.status, "only what changed is stored" in changes.err) == (0, True)


def test_a_set_can_be_held_from_the_first(program: Program) -> None:
    held = program.ask("backup", "--class", "daily", "--hold", "before the migration", "--until", "2099-01-01")
    assert held["held"] == "before the migration"
    for _ in range(3):
        program.good("backup", "--class", "daily")
    program.good("forget", "--yes")
    assert held["id"] in {each["id"] for each in program.ask("snapshots")}
    assert program("backup", "--until", "2099-01-01").status == 2
    assert "2020-01-01 is over." in program("backup", "--hold", "late", "--until", "2020-01-01").err


def test_a_part_is_restored_by_its_name(program: Program, shop: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for name in ("services/api/main.py", "services/web/main.py", "services/[odd]/main.py", "frontend/app/index.html"):
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(name)
    expect(shop, "code", 'parts = ["services/*", "frontend/app"]\nrestart = "docker compose restart {part}"')
    program.good("backup")

    assert restored(program, tmp_path / "1", "latest", "services/api") == {"code/services/api/main.py"}
    assert restored(program, tmp_path / "2", "latest", "app", "db") == {"code/frontend/app/index.html", "db/shop.db"}
    assert restored(program, tmp_path / "3", "latest", "services/[odd]") == {"code/services/[odd]/main.py"}
    said = program("restore", "latest", "services/web", "--to", tmp_path / "6").err
    assert "When it is in its place again: docker compose restart web" in said
    assert program("restore", "latest", "services/api", "--include", "*.py", "--to", tmp_path / "4").status == 2
    assert program("restore", "latest", "services/none/at/all", "--to", tmp_path / "5").status == 2


@pytest.mark.root
def test_what_is_restored_belongs_to_whom_it_belonged_or_to_who_restores(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    os.chown(shop / "media" / "a.jpg", 4242, 4343)
    program.good("backup")
    for option, owner in (((), (4242, 4343)), (("--no-owner",), (0, 0))):
        back = tmp_path / f"back{len(option)}"
        program.good("restore", "latest", "media", "--to", back, *option)
        status = (back / "media" / "a.jpg").stat()
        assert (status.st_uid, status.st_gid) == owner


def test_what_is_only_written_down_is_not_said_to_be_saved(program: Program, shop: pathlib.Path) -> None:
    (shop / "conf.d" / "empty.toml").write_text('[component.cache]\nkind = "ephemeral"\n')

    said = program("backup", "--class", "daily").out.splitlines()

    assert "stands: code, media, db," in said[0]
    assert said[1] == "Written down and not saved, as the configuration says: cache."
    assert "cache" not in program("restore", "latest", "--to", shop.parent / "back").err.splitlines()[0]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("The component past stops the run", "is said to be versioned, and is no Git repository")),
        ("fr", ("Le composant past arrête la sauvegarde", "est dit versionné, et n'est pas un dépôt Git")),
    ],
)
def test_the_component_that_stops_a_run_is_named_in_one_language(
    program: Program, shop: pathlib.Path, language: str, words: tuple[str, ...]
) -> None:
    body = '[component.past]\nkind = "versioned"\npath = "media"\nremote = "origin"\n'
    (shop / "conf.d" / "empty.toml").write_text(body)

    answer = program("backup", "--class", "daily", "--lang", language, GIT_CEILING_DIRECTORIES=str(shop))

    assert answer.status == 32
    assert all(each in answer.err for each in words), answer.err
    assert program.ask("snapshots") == []
