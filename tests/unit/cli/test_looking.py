"""backup, snapshots, ls, cat, diff and find."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.store.local import LocalStore
from rebond.testing.damage import flip_byte

MAY_NOT_READ_ALL = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")  # root, with the rights of a user


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault with two snapshots of a small shop."""
    made = Program.with_vault(tmp_path_factory.mktemp("looking"))
    shop = plant_shop(made.folder / "shop")
    made.good("backup", "--path", shop, "--tag", "monday", "--class", "daily")
    (shop / "settings.py").write_text("DEBUG = True\n")
    (shop / "new.txt").write_text("new\n")
    (shop / "media" / "cover.jpg").unlink()
    made.good("backup", "--path", shop, "--tag", "tuesday,after", "--note", "for nobody else")
    return made


def test_a_backup_answers_with_the_snapshot_that_stands(program: Program) -> None:
    other = plant_shop(program.folder / "other")
    saved = program.ask("backup", "--path", other, "--stack", "elsewhere")
    listed = program.ask("snapshots", "--stack", "elsewhere")

    assert [each["id"] for each in listed] == [saved["id"]]
    assert saved["problems"] == []
    assert saved["files"] == 3
    assert saved["seconds"] > 0
    promised = (
        "id time moment stack host class tags state components files bytes added_bytes held proven verified expires"
    )
    assert set(listed[0]) >= {*promised.split(), "window", "parent", "program"}


def test_snapshots_are_listed_oldest_first_and_filtered(program: Program) -> None:
    def tags(*filters: str) -> list[list[str]]:
        return [each["tags"] for each in program.ask("snapshots", "--stack", "shop", *filters)]

    assert tags() == [["monday"], ["tuesday", "after"]]
    assert tags("--tag", "after") == [["tuesday", "after"]]
    assert tags("--class", "daily") == [["monday"]]
    assert tags("--latest", "1") == [["tuesday", "after"]]
    assert tags("--at", "2020-01-01") == []
    assert tags("--component", "shop") == tags()
    assert tags("--host", "nowhere") == []


def test_the_table_shows_what_people_need_and_times_with_their_zone(program: Program) -> None:
    table = program.good("snapshots", "--stack", "shop", TZ="UTC").out

    assert "tuesday,after" in table
    assert "+00:00" in table
    assert "whole" in table


def test_a_path_may_be_given_by_component_by_place_or_alone(program: Program) -> None:
    for path in ("shop/settings.py", str(program.folder / "shop" / "settings.py"), "settings.py"):
        assert program.good("cat", "latest:monday", path).out == "DEBUG = False\n"


def test_ls_shows_one_level_or_all_of_them(program: Program) -> None:
    assert program.good("ls", "latest:monday").out == "shop\n"
    assert program.good("ls", "latest:monday", "shop").out.split() == [
        "shop/.env",
        "shop/media",
        "shop/settings.py",
    ]
    documents = program.ask("ls", "latest:monday", "shop", "-r")
    kinds = {each["path"]: each["kind"] for each in documents}

    assert kinds["shop/media/cover.jpg"] == "symlink"
    assert kinds["shop/media"] == "directory"
    assert len(kinds) == 5
    assert "-rw-------" in program.good("ls", "latest:monday", "shop", "-l").out
    assert "cover.jpg -> photo.jpg" in program.good("ls", "latest:monday", "shop/media", "-l").out


def test_cat_writes_the_very_bytes(program: Program) -> None:
    assert program.good("cat", "latest:monday", "media/photo.jpg").raw == bytes(range(256)) * 400


def test_cat_keeps_its_description_away_from_the_bytes(program: Program) -> None:
    answer = program.good("cat", "latest:monday", ".env", "--json")

    assert answer.out == "SECRET=1\n"
    assert json.loads(answer.err)["mode"] == "0600"


def test_what_is_not_there_ends_with_2_and_says_where_to_look(program: Program) -> None:
    for arguments in (("cat", "latest:monday", "nope"), ("ls", "latest:monday", "shop/nope"), ("ls", "abcdef")):
        answer = program(*arguments)

        assert answer.status == 2
        assert answer.out == ""
        assert "→" in answer.err


def test_diff_tells_added_removed_and_changed_apart(program: Program) -> None:
    changes = {each["path"]: each["change"] for each in program.ask("diff", "latest:monday", "latest:tuesday")}

    assert changes["shop/new.txt"] == "added"
    assert changes["shop/media/cover.jpg"] == "removed"
    assert changes["shop/settings.py"] == "content"
    assert "shop/.env" not in changes


def test_diff_with_what_is_there_now(program: Program) -> None:
    extra = program.folder / "shop" / "later.txt"
    extra.write_text("later\n")
    changes = {each["path"]: each["change"] for each in program.ask("diff", "latest:tuesday", "--live")}
    extra.unlink()

    assert changes == {"shop/later.txt": "added"} | {path: kind for path, kind in changes.items() if kind == "metadata"}
    assert program("diff", "latest:tuesday").status == 2


def test_where_a_record_is_damaged_the_others_are_listed_and_the_status_says_so(tmp_path: pathlib.Path) -> None:
    program, tree = Program.with_vault(tmp_path), plant_shop(tmp_path / "shop")
    first, second = (program.ask("backup", "--path", tree)["id"] for _ in range(2))
    store = LocalStore(program.vault)
    (record,) = (each.name for each in store.list_objects("snapshots/") if second in each.name)
    flip_byte(store, record, -1)

    listed = program("snapshots", "--json", "--quiet")
    assert ([each["id"] for each in listed.document], listed.status) == ([first], 4)
    told = program("snapshots", "--quiet")
    assert (f"{record} cannot be trusted" in told.out, told.status) == (True, 4)


def test_where_the_newest_record_is_damaged_what_takes_an_older_one_says_so_and_ends_with_3(
    tmp_path: pathlib.Path,
) -> None:
    program, tree = Program.with_vault(tmp_path), plant_shop(tmp_path / "shop")
    ids = [program.ask("backup", "--path", tree)["id"] for _ in range(3)]
    store = LocalStore(program.vault)
    names = [next(each.name for each in store.list_objects("snapshots/") if snapshot in each.name) for snapshot in ids]
    flip_byte(store, names[1], -1)  # before the times are set: it is put anew
    for number, name in enumerate(names):  # a day lies between two of them
        moment = time.time() - 86_400 * (2 - number)
        os.utime(program.vault / name, (moment, moment))
    restored = program("restore", "latest", "--to", tmp_path / "newest", "--json")
    assert (restored.document["snapshot"], restored.status) == (ids[2], 0), "it is older than what was taken"

    flip_byte(store, names[2], -1)
    for words in (("restore", "latest", "--to", tmp_path / "there"), ("cat", "latest", "shop/settings.py")):
        told = program(*words)
        assert (told.status, f"so {ids[0][:12]} of" in told.err, names[2] in told.err) == (3, True, True), told.err
    assert (tmp_path / "there" / "shop" / "settings.py").is_file()
    assert program("restore", ids[0], "--to", tmp_path / "named").status == 0, "what is named by its id is meant"
    (run,) = [each for each in program.ask("history", "--kind", "restore") if each["exit"] == 3]
    assert run["snapshots"] == [ids[0]]


@pytest.mark.root
def test_what_cannot_be_looked_at_now_does_not_count_as_removed(tmp_path: pathlib.Path) -> None:
    program, tree = Program.with_vault(tmp_path), tmp_path / "shop"
    for path in ("gone/a", "listed/b", "shut/c/d", "shut/e", "secret"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(path)
    program.good("backup", "--path", tree)
    shutil.rmtree(tree / "gone")
    for path, mode in {"listed": 0o400, "shut": 0, "secret": 0}.items():
        (tree / path).chmod(mode)
    asked = subprocess.run(
        [*MAY_NOT_READ_ALL, sys.executable, "-m", "rebond.cli", "diff", "latest", "--live", "--json", "--quiet"],
        env={**os.environ, **program.environment},
        capture_output=True,
        check=False,
    )

    found = {each["path"]: each["change"] for each in json.loads(asked.stdout) if each["change"] != "metadata"}
    assert found == {
        "shop/gone": "removed",
        "shop/gone/a": "removed",
        "shop/listed/b": "unread",
        "shop/secret": "unread",
        "shop/shut": "unread",
    }
    assert asked.returncode == 3


def test_find_shows_each_version_with_its_snapshots(program: Program) -> None:
    versions = program.ask("find", "settings.py")
    shop = [each for each in versions if each["path"] == "shop/settings.py"]

    assert [len(each["snapshots"]) for each in shop] == [1, 1]
    assert all(each["component"] == each["path"].partition("/")[0] for each in versions)
    assert program("find", "").status == 2
    assert [len(each["snapshots"]) for each in program.ask("find", "shop/.env")] == [2]
    assert program.ask("find", "nothing-like-this") == []


def test_a_dry_run_writes_nothing_and_names_the_rules(program: Program) -> None:
    before = sorted(path.name for path in program.vault.rglob("*"))
    previewed = program.ask("backup", "--path", program.folder / "shop", "--exclude", "*.jpg", "--dry-run")

    assert previewed["components"][0]["files"] == 3
    assert any("*.jpg" in rule for rule in previewed["components"][0]["left_out"])
    assert sorted(path.name for path in program.vault.rglob("*")) == before


def test_a_dry_run_counts_what_the_backup_then_counts(program: Program) -> None:
    place = program.folder / "linked"
    place.mkdir()
    (place / "one").write_text("1")
    (place / "again").hardlink_to(place / "one")
    (place / "link").symlink_to("one")
    os.mkfifo(place / "pipe")
    (previewed,) = program.ask("backup", "--path", place, "--dry-run")["components"]
    (saved,) = program.ask("backup", "--path", place)["components"]

    assert [previewed[each] for each in ("files", "bytes")] == [saved[each] for each in ("files", "bytes")] == [2, 2]


def test_an_absent_or_empty_path_is_an_error_and_never_a_snapshot(program: Program, tmp_path: pathlib.Path) -> None:
    count = len(program.ask("snapshots"))

    assert program("backup", "--path", tmp_path / "absent").status == 31
    assert program("backup", "--path", tmp_path).status == 32
    assert program("backup").status == 2
    assert len(program.ask("snapshots")) == count


def test_latest_is_refused_where_it_could_mean_several_stacks(program: Program) -> None:
    program.good("backup", "--path", plant_shop(program.folder / "third"))

    assert program("ls", "latest").status == 2
    assert program.good("ls", "latest", "--stack", "third").out == "third\n"


def test_a_name_that_is_no_text_is_shown_and_found_again(program: Program) -> None:
    odd = program.folder / "odd"
    odd.mkdir()
    (odd / os.fsdecode(b"caf\xe9\n\x1b[2J")).write_text("odd\n")
    program.good("backup", "--path", odd)
    (shown,) = program.ask("ls", "latest", "odd", "--stack", "odd")

    assert "\x1b" not in program.good("ls", "latest", "odd", "--stack", "odd").out
    assert os.fsencode(shown["path"]) == b"odd/caf\xe9\n\x1b[2J"
    assert program.good("cat", "latest", shown["path"], "--stack", "odd").out == "odd\n"


def test_a_snapshot_lists_what_could_not_be_read(program: Program) -> None:
    locked = plant_shop(program.folder / "locked")
    (locked / "secret").write_text("x")
    (locked / "secret").chmod(0)
    if os.access(locked / "secret", os.R_OK):
        os.mkfifo(locked / "pipe")  # root reads everything; at least the run goes through
        assert program("backup", "--path", locked).status == 0
        return
    answer = program("backup", "--path", locked, "--json")

    assert answer.status == 3
    assert [each["subject"].endswith("secret") for each in answer.document["problems"]] == [True]


@pytest.mark.parametrize(
    "words",
    [
        *(("backup", "--path", "shop", each) for each in ("--tag", "--note", "--hold", "--stack")),
        ("hold", "latest", "--reason"),
        ("key", "add", "--recovery-key", "--label"),
        ("pause", "--reason"),
    ],
)
def test_words_that_are_no_text_are_refused_before_anything_is_done(program: Program, words: tuple[str, ...]) -> None:
    before = sorted(path.name for path in program.vault.rglob("*"))
    answer = program(*words, os.fsdecode(b"d\xe9j\xe0"), "--json")

    assert (answer.status, answer.document["error"]["code"]) == (2, "usage")
    assert words[-1] in answer.document["error"]["message"]
    assert sorted(path.name for path in program.vault.rglob("*")) == before


def test_a_folder_whose_name_is_no_utf_8_is_saved_and_comes_back(tmp_path: pathlib.Path) -> None:
    program, tree = Program.with_vault(tmp_path), tmp_path / os.fsdecode(b"caf\xe9")
    tree.mkdir()
    (tree / "menu").write_text("coffee\n")

    made = program.ask("backup", "--path", tree)

    assert [each["name"] for each in made["components"]] == ["caf\\xe9"]
    assert made["stack"] == "caf\\xe9"
    assert program.ask("backup", "--path", tree)["added_bytes"] == 0
    assert program.good("cat", "latest", tree / "menu").out == "coffee\n"
    program.good("restore", "latest", "--to", tmp_path / "back")
    assert (tmp_path / "back" / "caf\\xe9" / "menu").read_text() == "coffee\n"
    assert program.ask("diff", "latest", "--live") == []


@pytest.mark.parametrize("words", [["--class", "\udce9"], ["--stdin", "\udce9"], ["--command", "\udce9", "--", "true"]])
def test_words_of_a_backup_that_are_no_text_are_refused_before_anything_is_read(
    program: Program, words: list[str]
) -> None:
    refused = program("backup", "--json", "--path", program.folder / "shop", *words)

    assert (refused.status, refused.document["error"]["code"]) == (2, "usage")
    assert "is not text" in refused.document["error"]["message"]


def test_a_vault_whose_kit_could_not_name_it_is_not_made(tmp_path: pathlib.Path) -> None:
    place = tmp_path / os.fsdecode(b"vault\xe9")

    refused = Program(tmp_path)("vault", "create", place, "--kit", tmp_path / "kit", "--key-file", tmp_path / "key")

    assert refused.status == 2
    assert not {"kit", "key", os.path.basename(place)} & set(os.listdir(tmp_path))
