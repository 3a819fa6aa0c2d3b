"""explain, as it is typed."""

import os
import pathlib

import pytest
from tests.unit.cli.program_runs import Program, plant_shop


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault with two snapshots; the second leaves out what the first had."""
    made = Program.with_vault(tmp_path_factory.mktemp("explain"))
    shop = plant_shop(made.folder / "shop")
    (shop / "today.log").write_text("log\n")
    made.good("backup", "--path", shop)
    (shop / ".rebondignore").write_text("# noise\n*.tmp\n!keep.tmp\n")
    made.good("backup", "--path", shop, "--exclude", "*.log")
    return made


def test_a_path_that_is_saved_names_the_snapshots_that_hold_it(program: Program) -> None:
    document = program.ask("explain", program.folder / "shop" / "settings.py")

    assert document["saved"] is True
    assert len(document["snapshots"]) == 2


def test_what_the_newest_snapshot_left_out_is_left_out_by_that_rule(program: Program) -> None:
    document = program.ask("explain", program.folder / "shop" / "today.log")

    assert document["saved"] is False
    assert document["rule"]["text"] == "*.log"
    assert len(document["snapshots"]) == 1
    assert "*.log" in program.good("explain", program.folder / "shop" / "today.log").out


def test_a_rule_in_a_file_is_named_with_its_line(program: Program) -> None:
    for name, is_saved, line in (("a.tmp", False, 2), ("keep.tmp", True, 3)):
        document = program.ask("explain", program.folder / "shop" / name)

        assert document["saved"] is is_saved
        assert document["rule"]["line"] == line
        assert document["rule"]["origin"].endswith(".rebondignore")
        assert document["exists"] is False


def test_without_a_vault_the_root_is_enough(program: Program, tmp_path: pathlib.Path) -> None:
    shop = plant_shop(tmp_path / "shop")
    alone = Program(tmp_path)
    del alone.environment["REBOND_VAULT"]
    document = alone.ask("explain", shop / "media" / "photo.jpg", "--path", shop, "--larger-than", "1kB")

    assert document["saved"] is False
    assert document["rule"]["origin"] == "--larger-than"


def test_a_path_that_nobody_backs_up_is_refused_with_the_remedy(program: Program) -> None:
    answer = program("explain", "/etc/hostname")

    assert answer.status == 2
    assert "--path" in answer.err


def test_what_lies_behind_a_link_is_not_saved_by_the_name_of_the_link(program: Program, tmp_path: pathlib.Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "photo.jpg").write_text("photo")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "uploads").symlink_to("../far")
    for name, exists in (("photo.jpg", True), ("gone.jpg", False)):
        path = tmp_path / "shop" / "uploads" / name
        document = program.ask("explain", path, "--path", tmp_path / "shop")

        assert (document["saved"], document["exists"]) == (False, exists)
        assert (document["rule"]["origin"], document["rule"]["text"]) == ("symbolic link", "../far")
        assert document["decided_at"] == "uploads"
        said = program.good("explain", path, "--path", tmp_path / "shop").out
        assert "uploads is a link to ../far, and only the link is saved" in said
    link = program.ask("explain", tmp_path / "shop" / "uploads", "--path", tmp_path / "shop")
    assert link["saved"] is True


@pytest.fixture
def configured(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A directory with a configuration whose vault has no snapshot yet."""
    made = Program.with_vault(tmp_path)
    del made.environment["REBOND_VAULT"]
    shop = plant_shop(tmp_path / "shop")
    (tmp_path / "alone.conf").write_text("x")
    (shop / "rebond.toml").write_text(
        f"""version = 1
[stack]
name = "shop"
[vault]
url = "{made.vault}"
[component.files]
kind = "files"
path = "."
exclude = ["*.log"]
omit = ["/media/"]
[component.media]
kind = "files"
path = "media"
larger_than = "1MB"
[component.alone]
kind = "files"
path = "../alone.conf"
[class.daily]
schedule = "0 3 * * *"
components = "all"
keep = {{ within = "30d" }}
"""
    )
    monkeypatch.chdir(shop)
    return made


@pytest.mark.parametrize(
    ("path", "is_saved", "origin"),
    [
        ("settings.py", True, None),
        ("x.log", False, "component.files.exclude"),
        ("media/photo.jpg", True, None),
        ("../alone.conf", True, None),
        ("..", False, None),
        ("/etc/hostname", False, None),
    ],
)
def test_before_the_first_backup_and_after_a_change_the_configuration_says_it(
    configured: Program, path: str, is_saved: bool, origin: str | None
) -> None:
    for _ in range(2):
        document = configured.ask("explain", path)
        assert document["saved"] is is_saved
        assert (document["rule"] or {}).get("origin") == origin
        if path == "/etc/hostname":
            assert "no component of the configuration reaches it" in configured.good("explain", path).out
        text = pathlib.Path("rebond.toml").read_text()
        pathlib.Path("rebond.toml").write_text(text.replace('"*.log"', '"*.never"'))
        configured.good("backup")
        pathlib.Path("rebond.toml").write_text(text)


def test_what_no_component_reaches_any_more_is_not_saved_though_an_old_snapshot_holds_it(configured: Program) -> None:
    configured.good("backup")
    text = pathlib.Path("rebond.toml").read_text()
    assert configured.ask("explain", "settings.py")["saved"] is True
    pathlib.Path("rebond.toml").write_text(
        text.replace('path = "."', 'path = "media"').replace('omit = ["/media/"]', "")
    )

    document = configured.ask("explain", "settings.py")
    assert (document["saved"], len(document["snapshots"])) == (False, 1)
    said = configured.good("explain", "settings.py").out
    assert "no component of the configuration reaches it" in said


def test_one_snapshot_that_holds_it_in_two_components_is_one(configured: Program) -> None:
    text = pathlib.Path("rebond.toml").read_text()
    pathlib.Path("rebond.toml").write_text(
        text.replace("[class.daily]", '[component.again]\nkind = "files"\npath = "settings.py"\n[class.daily]')
    )
    configured.good("backup")

    assert len(configured.ask("explain", "settings.py")["snapshots"]) == 1


def test_options_count_beside_a_configuration_too(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    (tmp_path / "rebond.toml").write_text(
        'version = 1\n[stack]\nname = "x"\n[vault]\nurl = "vault"\nkey = { file = "owner.key" }\n'
        '[component.all]\nkind = "files"\npath = "/"\n'
    )
    program.leave_vault_to_configuration()
    program.environment["REBOND_CONFIG"] = str(tmp_path / "rebond.toml")
    assert program.ask("explain", "/proc/version")["saved"] is True
    assert program.ask("explain", "/proc/version", "--one-file-system")["saved"] is False


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--gitignore"], ("*.o", "{tree}/.gitignore", 1)),
        (["--exclude-from", "{folder}/rules"], ("*.o", "{folder}/rules", 2)),
        (["--exclude", "x.[o]"], ("x.[o]", "--exclude", 0)),
        (["--exclude", "x\udce9*", "--exclude=*.o"], ("*.o", "--exclude", 0)),
        (["--exclude-if-present", "skip"], ("skip", "--exclude-if-present", 0)),
        (["--larger-than", "3B"], ("3 bytes", "--larger-than", 0)),
    ],
    ids=lambda value: value[0][2:] if isinstance(value, list) else "",
)
def test_every_option_of_the_newest_snapshot_is_asked_again(
    tmp_path: pathlib.Path, options: list[str], rule: tuple[str, str, int]
) -> None:
    """Also without them; and what they leave out is no news since."""
    program, tree = Program.with_vault(tmp_path), tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / ".gitignore").write_text("*.o\n")
    (tree / "d" / "x.o").write_text("built")
    (tree / "d" / os.fsdecode(b"x\xe9o")).write_text("")
    (tree / "a").write_text("a")
    (tmp_path / "rules").write_text("# built\n*.o\n")
    (tree / "d" / "skip").touch()
    places = {"tree": tree, "folder": tmp_path}
    program.good("backup", "--path", tree, *(each.format(**places) for each in options))

    document = program.ask("explain", tree / "d" / "x.o")

    assert document["snapshots"] == []
    assert document["saved"] is False
    assert document["rule"] == {
        "text": rule[0],
        "origin": rule[1].format(**places),
        "line": rule[2] or None,
        "negated": False,
    }
    assert program.ask("explain", tree / "a")["saved"] is True
    assert program.ask("diff", "latest", "--live") == []
