"""Restores in place that neither --resume nor --rollback nor --accept can end, and the way out of each."""

import os
import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_in_place import Shop
from tests.scenarios.test_restore_in_place_postgres import CONFIGURATION, databases, in_place, rows
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


class Orders:
    """A stack with code and a database that came back, whose server can be taken away."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer) -> None:
        self.server = server
        self.code = folder / "stack" / "src" / "app.py"
        self.socket_folder = pathlib.Path(folder / "socket")
        self.socket_folder.symlink_to(server.socket_folder)
        for name in databases(server):
            server.sql(f'DROP DATABASE "{name}"')
        server.sql("CREATE DATABASE orders")
        server.sql("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", "orders")
        self.code.parent.mkdir(parents=True)
        self.code.write_text("saved")
        configuration = folder / "stack" / "rebond.toml"
        configuration.write_text(CONFIGURATION.replace("HOST", str(self.socket_folder)))
        self.program = Program.with_vault(folder)
        self.program.leave_vault_to_configuration()
        self.program.environment["REBOND_CONFIG"] = str(configuration)
        self.program.good("backup")
        server.sql("DELETE FROM orders", "orders")
        self.code.write_text("broken")
        self.run = in_place(self.program)

    def lose_the_server(self) -> None:
        self.socket_folder.unlink()
        self.socket_folder.symlink_to("gone")

    def find_the_server(self) -> None:
        self.socket_folder.unlink()
        self.socket_folder.symlink_to(self.server.socket_folder)

    @property
    def old(self) -> str:
        return next(each for each in databases(self.server) if each != "orders")


@pytest.fixture
def orders(server: PostgresServer, tmp_path: pathlib.Path) -> Orders:
    return Orders(tmp_path, server)


@pytest.mark.judge("postgres")
def test_what_a_lost_server_held_is_left_out_and_the_rest_is_undone(orders: Orders) -> None:
    orders.lose_the_server()
    stuck = orders.program("restore", "--rollback", orders.run, "--yes", "--set-newer-aside")
    assert stuck.status != 0
    undone = orders.program("restore", "--rollback", orders.run, "--yes", "--without", "db", "--json")

    assert (undone.status, undone.document["state"]) == (3, "rolled-back"), undone.err
    assert orders.code.read_text() == "broken"
    assert orders.old in undone.err, "what the server would hold is named"
    again = orders.program("restore", "latest", "code", "--in-place", "--yes")
    assert again.status == 0, again.err
    assert orders.code.read_text() == "saved"
    orders.find_the_server()
    assert (rows(orders.server), rows(orders.server, orders.old)) == (2, 0), "nothing was done in it"


@pytest.mark.judge("postgres")
def test_of_a_server_that_does_not_answer_nobody_says_that_it_was_written_to(orders: Orders) -> None:
    orders.lose_the_server()
    asked = orders.program("restore", "--rollback", orders.run, "--yes")

    assert (asked.status, "does not answer" in asked.err, "somebody wrote to db" in asked.err) == (6, True, False)
    assert f"restore --rollback {orders.run} --without db" in asked.err
    orders.find_the_server()
    orders.program.good("restore", "--rollback", orders.run, "--yes")
    assert (rows(orders.server), orders.code.read_text()) == (0, "broken")


@pytest.mark.judge("postgres")
def test_what_a_lost_server_held_is_left_out_and_the_rest_is_accepted(orders: Orders) -> None:
    orders.lose_the_server()
    stuck = orders.program("restore", "--accept", orders.run, "--yes")
    assert f"restore --accept {orders.run} --without db" in stuck.err
    accepted = orders.program("restore", "--accept", orders.run, "--yes", "--without", "db", "--json")

    assert (accepted.status, accepted.document["state"]) == (3, "accepted"), accepted.err
    assert [each["code"] for each in accepted.document["problems"]] == ["left-in-server"]
    assert list(orders.code.parents[1].glob(".rebond-restore-*")) == [], "the old version of the code is deleted"


@pytest.mark.judge("postgres")
def test_a_server_that_answers_is_not_lost_and_files_are_in_none(orders: Orders) -> None:
    for verb in ("--rollback", "--accept"):
        refused = orders.program("restore", verb, orders.run, "--yes", "--without", "db")
        assert (refused.status, "answers" in refused.err) == (6, True)
        wrong = orders.program("restore", verb, orders.run, "--yes", "--without", "code")
        assert (wrong.status, "in a server" in wrong.err) == (2, True)
    assert orders.program("restore", "--resume", orders.run, "--without", "db").status == 2
    orders.program.good("restore", "--rollback", orders.run, "--yes")
    assert databases(orders.server) == ["orders"]


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> Shop:
    return Shop.saved(tmp_path)


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl"])
def test_a_spoilt_record_is_named_and_left_by_a_word_of_the_user(shop: Shop, name: str) -> None:
    run = in_place(shop.program, "code", "db")
    folder = pathlib.Path(shop.program.environment["REBOND_STATE_DIR"]) / "restores" / run
    journal = folder / "journal.jsonl"
    if name == "plan.json":  # of a run that was cut before its end
        journal.write_bytes(journal.read_bytes()[: journal.read_bytes().rstrip(b"\n").rfind(b"\n") + 1])
        (folder / name).write_bytes(b"\0" * (folder / name).stat().st_size)
    else:
        journal.write_bytes(b"\0\n" + journal.read_bytes())
    before = shop.files()

    for words in (("latest", "media", "--in-place"), ("--rollback", run), ("--accept", run), ("--resume", run)):
        stuck = shop.program("restore", *words, *(() if words[0] == "--resume" else ("--yes",)))
        assert (stuck.status, str(folder / name) in stuck.err) == (40, True), stuck.err
        assert f"rebond restore --leave {run}" in stuck.err
    unasked = shop.program("restore", "--leave", run)
    assert (unasked.status, "--yes" in unasked.err, folder.is_dir()) == (6, True, True)
    left = shop.program.good("restore", "--leave", run, "--yes", "--json")

    (beside,) = shop.beside()
    assert {each["component"]: each["beside"] for each in left.document["parts"]} == {
        "code": str(beside),
        "db": str(beside),
    }
    assert str(beside) in left.err
    assert shop.files() == before, "nothing was touched"
    assert pathlib.Path(left.document["record"]).is_dir()
    assert not folder.exists()
    assert shop.program("restore", "latest", "media", "--in-place", "--yes").status == 0
    assert os.path.isdir(beside)


def test_one_that_can_be_ended_is_not_left(shop: Shop) -> None:
    run = in_place(shop.program, "media")
    refused = shop.program("restore", "--leave", run, "--yes")
    assert (refused.status, f"--rollback {run}" in refused.err) == (6, True)
    shop.program.good("restore", "--rollback", run, "--yes")
    assert shop.program("restore", "--leave", run, "--yes").status == 6


def test_a_plan_whose_configuration_is_gone_can_be_left(shop: Shop) -> None:
    run = in_place(shop.program, "media")
    folder = pathlib.Path(shop.program.environment["REBOND_STATE_DIR"]) / "restores" / run
    (folder / "configuration" / "rebond.toml").write_text("version =")
    stuck = shop.program("restore", "--rollback", run, "--yes")
    assert (stuck.status, f"--leave {run}" in stuck.err) == (2, True)
    shop.program.good("restore", "--leave", run, "--yes")


@pytest.mark.parametrize("note", ["places", "swap"])
def test_a_component_whose_notes_are_spoilt_is_named_and_left_by_a_word_of_the_user(shop: Shop, note: str) -> None:
    run = in_place(shop.program, "media")
    path = pathlib.Path(shop.program.environment["REBOND_STATE_DIR"]) / "restores" / run / "parts" / "media" / note
    path.write_bytes(b"\0")
    before = shop.files()

    stuck = shop.program("restore", "--rollback", run, "--yes")

    assert (stuck.status, str(path) in stuck.err, f"--leave {run}" in stuck.err) == (40, True, True), stuck.err
    shop.program.good("restore", "--leave", run, "--yes")
    assert shop.files() == before, "nothing was touched"
    shop.program.good("restore", "latest", "media", "--in-place", "--yes")
