"""explain, as it is typed."""

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
