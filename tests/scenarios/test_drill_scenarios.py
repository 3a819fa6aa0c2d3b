"""Drills of what may happen: a service, the data, the server, or the trust in it is lost."""

import pathlib
import shutil
import sqlite3
import time
from collections.abc import Iterator

import pytest
from tests.scenarios.drilled_stack import CHECK, DrilledStack

HISTORY = 50
CORRUPTED_FROM = 37
SQL = 'sql = "SELECT count(*) = 0 FROM photo WHERE path IS NULL"'


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    yield made
    assert made.left() == []
    made.close()


def change(stack: DrilledStack, sql: str) -> None:
    with sqlite3.connect(stack.root / "app.sqlite") as database:
        database.execute(sql)
    database.close()


@pytest.mark.slow
def test_the_last_good_snapshot_of_fifty_is_found_by_halving(stack: DrilledStack) -> None:
    text = stack.root / "rebond.toml"
    stack.configure(CHECK.replace("NAME", "no lost paths").replace("QUESTION", SQL))
    small = text.read_text().replace('references = [{ sql = "SELECT path FROM photo", component = "media" }]', "")
    small = small.replace("[component.app]\n", '[component.app]\nrpo = "0s"\n')
    text.write_text(small[: small.index("[component.media]")] + small[small.index("[component.app]") :])
    made = []
    for number in range(HISTORY):
        change(stack, f"INSERT INTO photo VALUES ('{number}')")
        if number == CORRUPTED_FROM:
            change(stack, "INSERT INTO photo VALUES (NULL)")
        made.append(stack.program.ask("backup")["id"])
        time.sleep(0.001)
    done = stack.drill("--scenario", "corrupted-data")

    document = done.document
    assert document["verdict"] == "pass"
    assert document["snapshot"] == made[CORRUPTED_FROM - 1]
    assert len(document["search"]) <= 8
    asked = {each["snapshot"]: each["good"] for each in document["search"]}
    assert (asked[made[CORRUPTED_FROM - 1]], asked[made[CORRUPTED_FROM]]) == (True, False)
    assert document["rto_seconds"] > document["search_seconds"] > 0
    # What is promised of a component is about losing it: it is neither kept nor missed by what is lost here.
    assert (document["rpo_objective"], document["missed"], document["rpo_seconds"] > 0) == (None, [], True)
    assert made[CORRUPTED_FROM - 1][:8] in stack.program("drill", "--scenario", "corrupted-data").out


def test_without_a_good_snapshot_or_a_check_the_search_says_so(stack: DrilledStack) -> None:
    stack.program.good("backup")
    nothing = stack.program("drill", "--scenario", "corrupted-data")
    assert nothing.status == 2
    assert "no check" in nothing.err
    stack.configure(CHECK.replace("NAME", "never").replace("QUESTION", 'sql = "SELECT 0"'))
    never = stack.program("drill", "--scenario", "corrupted-data")
    assert never.status == 2
    assert "No snapshot is good" in never.err


def test_a_lost_server_comes_back_from_the_address_and_the_kit_alone(stack: DrilledStack) -> None:
    stack.configure(CHECK.replace("NAME", "secrets").replace("QUESTION", 'run = "scripts/known.sh"'))
    stack.program.good("backup")
    for name in ("cache", "state", "stack"):
        shutil.rmtree(stack.folder / name)
    moved = stack.folder / "elsewhere" / "kept"
    moved.mkdir(parents=True)
    (stack.folder / "vault").rename(moved / "vault")
    (stack.folder / "owner.key").rename(moved / "in-the-safe")
    del stack.program.environment["REBOND_CONFIG"]
    kit = {"REBOND_VAULT": str(moved / "vault"), "REBOND_KEY_FILE": str(moved / "in-the-safe")}
    done = stack.program("drill", "--scenario", "lost-server", "--json", **kit)

    assert done.status == 0, done.err + done.out
    answers = {each["subject"] + " " + each["code"]: each["answer"] for each in done.document["checks"]}
    assert answers["vault kit"] == "pass"
    assert answers["vault configuration"] == "pass"
    assert answers["secrets own-check"] == "pass"
    assert set(answers.values()) == {"pass"}
    assert done.document["scenario"] == "lost-server"


def test_a_kit_that_was_not_tried_and_a_missing_configuration_are_named(stack: DrilledStack) -> None:
    stack.program.good("backup")
    own_key = stack.drill("--scenario", "lost-server")
    assert own_key.status == 3
    assert [each["code"] for each in own_key.document["checks"] if each["answer"] == "not-run"] == ["kit"]
    where = {"REBOND_VAULT": str(stack.folder / "vault"), "REBOND_KEY_FILE": str(stack.folder / "owner.key")}
    del stack.program.environment["REBOND_CONFIG"]
    stack.program.good("backup", "--path", stack.root / "media", "--stack", "bare", **where)
    bare = stack.program("drill", "--scenario", "lost-server", "--stack", "bare", "--json", **where)
    assert bare.status == 4
    assert [each["code"] for each in bare.document["checks"] if each["answer"] == "fail"] == ["configuration"]


def test_after_a_breach_the_secrets_to_change_and_what_changed_since_are_listed(stack: DrilledStack) -> None:
    stack.configure(
        "[component.redis]\nkind = 'ephemeral'\n[notify]\nfailure = [{ to = { file = '/etc/rebond/mail' } }]"
    )
    (stack.root / "media" / "notes.txt").write_text("NO_SECRET=set\n")  # lies below the same root as the secrets
    before = stack.program.ask("backup")
    time.sleep(0.01)
    (stack.root / "scripts" / "backdoor.sh").write_text("#!/bin/sh\n")
    (stack.root / "media" / "0.jpg").write_bytes(b"other")
    with (stack.root / ".env").open("a") as variables:
        variables.write("LATER_KEY=read-with-the-others\n")  # the snapshot does not hold it, who broke in does
    stack.program.good("backup")
    done = stack.drill(before["id"], "--scenario", "security-breach")

    assert done.status == 0, done.out
    secrets = {each["name"]: each for each in done.document["secrets"]}
    assert secrets["API_KEY"] == {"name": "API_KEY", "kept_in": "env/.env", "used_in": ["scripts/known.sh"]}
    assert {each["name"] for each in secrets.values() if each["kept_in"].startswith("env/")} == {
        "API_KEY",
        "LATER_KEY",
    }
    assert secrets["../owner.key"]["used_in"] == ["vault.key"]
    assert secrets["/etc/rebond/mail"]["used_in"] == ["notify.failure[1].to"]
    changes = {each["component"]: each for each in done.document["changes"]}
    assert changes["scripts"]["paths"] == ["+ backdoor.sh"]
    assert (changes["media"]["changed"], changes["media"]["added"]) == (1, 0)
    assert {"redis", "app"}.isdisjoint(changes)  # told anew, at another time, is no change
    assert "hunter2" not in done.out
    assert "CHANGE  API_KEY" in stack.program("drill", before["id"], "--scenario", "security-breach").out


def test_a_lost_service_brings_back_one_part_and_its_secrets(stack: DrilledStack) -> None:
    for name in ("one", "two"):
        (stack.root / "media" / name).mkdir()
        (stack.root / "media" / name / "page.html").write_text(name)
    text = (stack.root / "rebond.toml").read_text()
    (stack.root / "rebond.toml").write_text(
        text.replace('path = "media"\n', 'path = "media"\nparts = ["one", "two"]\n')
        + '[objective]\nlost-service = { rto = "10min" }\n'
    )
    stack.program.good("backup")
    done = stack.drill("--scenario", "lost-service")
    assert done.status == 0, done.out
    found = {each["name"]: each["files"] for each in done.document["components"]}
    assert found == {"media": 1, "env": 1}
    assert done.document["rto_objective"] == 600


def test_a_snapshot_that_was_chosen_by_hand_shows_nothing_of_what_would_be_lost(stack: DrilledStack) -> None:
    stack.configure('[objective]\nlost-server = { rpo = "1h" }\nlost-service = { rpo = "1h" }')
    first = stack.program.ask("backup")["id"]
    stack.program.good("backup")

    for chosen in ((first,), (first, "--scenario", "lost-service"), ("--at", "-0s", "--scenario", "security-breach")):
        document = stack.drill(*chosen).document
        assert (document["verdict"], document["rpo_seconds"]) == ("pass", None), chosen
        assert {each["age_seconds"] for each in document["components"]} == {None}
    noted = [each for each in stack.program.ask("history") if each["kind"] == "drilled"]
    assert len(noted) == 3
    status = stack.program.ask("status")
    assert status["last_drill"]["rpo_seconds"] is None
    assert stack.drill("--scenario", "lost-service").document["rpo_seconds"] > 0


def test_where_a_service_is_lost_nothing_is_started_and_what_needs_the_whole_is_not_asked(stack: DrilledStack) -> None:
    stack.configure(
        '[drill]\nstart = "exit 9"\nchecks = [{ name = "rows", sql = "SELECT count(*) FROM photo" },',
        '{ name = "page", url = "/" }, { name = "program", run = "exit 7" }]',
    )
    stack.program.good("backup")
    done = stack.drill("--scenario", "lost-service")
    assert done.status == 0, done.out
    assert {each["name"] for each in done.document["components"]} == {"media", "scripts", "env"}
    assert {each["code"] for each in done.document["checks"]} == {"restored", "files-reread", "required"}


def test_a_sample_restores_little_another_part_each_time_and_proves_no_whole(stack: DrilledStack) -> None:
    for folder in range(40):
        (stack.root / "media" / str(folder)).mkdir()
        for number in range(20):
            (stack.root / "media" / str(folder) / f"[{number}]*.txt").write_text(f"{folder} {number}")
    stack.program.good("backup")
    done = [stack.drill("--sample") for _ in range(2)]
    assert [each.status for each in done] == [0, 0], done[0].out
    counts = [{one["name"]: one["files"] for one in each.document["components"]} for each in done]
    assert all(20 <= each["media"] <= 250 for each in counts)
    assert counts[0]["env"] == 1
    assert done[0].document["sample"] is True
    assert stack.program.ask("snapshots")[0]["proven"] is None


@pytest.mark.parametrize(
    ("objective", "promise", "status"),
    [
        ("", "promised 1 h (media)", 0),
        ('[objective]\nlost-server = { rpo = "9h" }\n', "promised 1 h (media)", 0),
        ('[objective]\nlost-server = { rto = "0s" }\n', "promised 0 s (lost-server)", 5),
    ],
)
def test_an_exercise_is_judged_by_what_the_configuration_promises(
    stack: DrilledStack, objective: str, promise: str, status: int
) -> None:
    stack.configure(objective)
    stack.program.good("backup")
    target = stack.program.ask("drill", "--exercise", "--scenario", "lost-server")["target"]
    stack.program.good("restore", "latest", "--to", target)
    done = stack.program("drill", "--exercise")
    shutil.rmtree(target)
    assert done.status == status, done.out + done.err
    assert "nothing is promised" not in done.out
    assert promise in done.out


def test_an_exercise_that_takes_longer_than_the_lost_component_may_is_missed(stack: DrilledStack) -> None:
    text = (stack.root / "rebond.toml").read_text()
    (stack.root / "rebond.toml").write_text(text.replace('rto = "1h"', 'rto = "0s"'))
    stack.program.good("backup")
    target = stack.program.ask("drill", "--exercise", "--scenario", "lost-server")["target"]
    stack.program.good("restore", "latest", "--to", target)
    done = stack.drill("--exercise")
    shutil.rmtree(target)
    assert done.status == 5
    assert (done.document["missed"][0]["subject"], done.document["rto_objective"]) == ("media", 0)


def test_an_exercise_tells_what_happened_and_judges_what_people_brought_back(stack: DrilledStack) -> None:
    stack.configure('[objective]\nlost-server = { rto = "2h" }\n')
    stack.program.good("backup")
    begun = stack.program.good("drill", "--exercise", "--scenario", "lost-server")
    assert "burnt down" in begun.out
    (target,) = (line.split("below ")[1].split(":")[0] for line in begun.out.splitlines() if "below " in line)
    assert "EXERCISE" in stack.program.good("drill", "--exercise").out  # nothing was brought back yet
    stack.program.good("restore", "latest", "--to", target)
    for path in pathlib.Path(target).glob("media/3.jpg"):
        path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    wrong = stack.drill("--exercise")
    assert wrong.status == 4
    assert [each["subject"] for each in wrong.document["checks"] if each["answer"] == "fail"] == ["media"]
    assert (wrong.document["exercise"], wrong.document["rto_objective"]) == (True, 7200)
    shutil.rmtree(target)

    stack.program.good("drill", "--exercise", "--scenario", "lost-server")
    target = stack.program.ask("drill", "--exercise")["target"]
    stack.program.good("restore", "latest", "--to", target)
    good = stack.drill("--exercise")
    assert good.status == 0, good.out
    assert f"rm -r {target}" in good.err  # it holds secrets, and no drill knows how long people look at it
    assert good.document["rto_seconds"] >= 0
    assert stack.program.ask("snapshots")[0]["proven"] is None  # it was people who were proved
    assert stack.program("drill", "--exercise", "--scenario", "corrupted-data").status == 2
    assert stack.program("drill", "--patience", "1h").status == 2
    shutil.rmtree(target)
