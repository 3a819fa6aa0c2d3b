"""Drills: what is wrong with a snapshot is found and named, and nothing is left behind."""

import contextlib
import json
import os
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.drilled_stack import ACCEPTING, CHECK, DrilledStack

from rebond.store.local import LocalStore
from rebond.testing.damage import flip_byte


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    yield made
    assert made.left() == []  # after every test here: no process, no socket, no file
    assert not list((tmp_path / "state" / "drills" / "places").glob("*"))
    made.close()


def answers(document: Any, code: str) -> list[tuple[str, str]]:
    return [(each["subject"], each["answer"]) for each in document["checks"] if each["code"] == code]


def wrong(document: Any) -> list[Any]:
    return [each for each in document["checks"] if each["answer"] != "pass"]


@pytest.mark.judge("own-network")
def test_a_good_snapshot_is_proved_with_the_restored_secrets_and_the_proof_is_kept(stack: DrilledStack) -> None:
    stack.configure(
        "[drill]\nchecks = [",
        '{ name = "photos", sql = "SELECT count(*) = 8 FROM photo" },',
        '{ name = "secrets", run = "scripts/known.sh" },',
        """{ name = "no key", run = '! env | grep -qE "^REBOND_(KEY|PASS|STATE|CONFIG)"' },""",
        """{ name = "no network", run = "test ! -e /proc/net/route || test $(wc -l </proc/net/route) -le 1" }]""",
    )
    saved = stack.program.ask("backup")
    report = stack.folder / "drill.html"
    done = stack.drill("--report", str(report))

    document = done.document
    assert done.status == 0, document["checks"]
    assert (document["ok"], document["verdict"], document["snapshot"]) == (True, "pass", saved["id"])
    assert document["rto_seconds"] > 0
    assert document["rpo_seconds"] >= 0
    assert {each["name"] for each in document["components"]} == {"media", "scripts", "env", "app"}
    assert answers(document, "own-check") == [(name, "pass") for name in ("photos", "secrets", "no key", "no network")]
    assert answers(document, "named-files") == [("app", "pass")]
    assert answers(document, "integrity") == [("app", "pass")]
    assert answers(document, "required") == [("scripts", "pass")]
    assert "hunter2" not in done.out
    assert "<html" in report.read_text()
    assert [each["proven"] is not None for each in stack.program.ask("snapshots")] == [True]
    kept = sorted((stack.folder / "state" / "drills" / "evidence").iterdir())
    assert [each.suffix for each in kept] == [".html", ".json", ".md"]
    assert json.loads(kept[1].read_text())["verdict"] == "pass"
    noted = [each for each in stack.program.ask("history") if each["kind"] == "drilled"]
    assert len(noted) == 1


def test_a_component_that_saves_what_is_others_too_brings_back_none_of_it(stack: DrilledStack) -> None:
    """As in place: an ``.env`` for a group would spoil the secret's mode, a live database the copy of it."""
    (stack.root / ".env").chmod(0o640)
    question = 'run = "ls media/7.jpg scripts/known.sh own"'
    code = '[component.code]\nkind = "files"\npath = "."\npriority = "P1"\n'
    stack.configure(code, CHECK.replace("NAME", "mine").replace("QUESTION", question))
    (stack.root / "own").write_text("its own")
    with contextlib.closing(sqlite3.connect(stack.root / "app.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE later (what TEXT)")
        assert (stack.root / "app.sqlite-wal").exists()
        stack.program.good("backup")
    done = stack.drill()
    assert (done.status, wrong(done.document)) == (0, [])
    assert {each["name"]: each["files"] for each in done.document["components"]}["code"] == 2  # and rebond.toml


def test_a_damaged_snapshot_fails_the_proof_and_names_the_files(stack: DrilledStack) -> None:
    stack.program.good("backup")
    store = LocalStore(stack.folder / "vault")
    pack = max((each for each in store.list_objects("packs/")), key=lambda each: each.size)
    flip_byte(store, pack.name, pack.size // 2)
    done = stack.drill()
    assert done.status == 4
    assert done.document["verdict"] == "fail"
    assert any(each["code"] == "restored" and ".jpg" in each["message"] for each in wrong(done.document))
    assert stack.program.ask("snapshots")[0]["proven"] is None


def test_a_file_that_the_database_names_and_that_is_missing_fails_the_proof(stack: DrilledStack) -> None:
    (stack.root / "media" / "5.jpg").unlink()
    saved = stack.program("backup", "--json").document
    done = stack.drill(saved["id"])
    assert done.status == 4
    (found,) = wrong(done.document)
    assert (found["code"], found["subject"]) == ("named-files", "app")
    assert "5.jpg" in found["message"]


@pytest.mark.parametrize(
    "question",
    [
        'sql = "SELECT count(*) > 8 FROM photo"',
        'sql = "SELECT nothing FROM nowhere"',
        'run = "test -e media/8.jpg"',
        'run = "sleep 20", timeout = "1s"',
    ],
)
def test_a_check_of_the_users_that_fails_fails_the_proof(stack: DrilledStack, question: str) -> None:
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", question))
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 4
    assert [(each["subject"], each["answer"]) for each in wrong(done.document)] == [("mine", "fail")]


@pytest.mark.parametrize(
    "question", ['run = "no-such-program-here"', 'url = "http://localhost:1/"', 'sql = "SELECT 1", component = "media"']
)
def test_a_check_that_cannot_be_asked_makes_the_proof_partial_and_is_named(stack: DrilledStack, question: str) -> None:
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", question))
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 3
    assert (done.document["ok"], done.document["verdict"]) == (False, "partial")
    assert [(each["subject"], each["answer"]) for each in wrong(done.document)] == [("mine", "not-run")]
    assert stack.program.ask("snapshots")[0]["proven"] is None


def test_a_check_that_leads_out_is_not_run_until_somebody_says_that_it_may(stack: DrilledStack) -> None:
    question = f'run = "PGHOST=/run/postgresql; touch {stack.folder}/ran"'
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", question))
    stack.program.good("backup")
    done = stack.drill()
    (refused,) = wrong(done.document)
    assert (done.status, refused["answer"], (stack.folder / "ran").exists()) == (3, "not-run", False)
    assert "/run/postgresql" in refused["message"]
    assert "trusted = true" in refused["hint"]
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", f"{question}, trusted = true"))
    stack.program.good("backup")
    assert (stack.drill().status, (stack.folder / "ran").exists()) == (0, True)


@pytest.mark.parametrize(("accepted", "status", "answered"), [(False, 3, "not-run"), (True, 0, None)])
def test_where_commands_cannot_be_cut_off_the_proof_is_partial_until_that_is_accepted(
    stack: DrilledStack, accepted: bool, status: int, answered: str | None
) -> None:
    text = CHECK.replace("NAME", "mine").replace("QUESTION", 'run = "test -e media/7.jpg"')
    stack.configure(text if accepted else text.replace(ACCEPTING, ""))
    forbid_networks(stack)
    stack.program.good("backup")
    done = stack.drill()
    answers = {each["subject"]: each["answer"] for each in done.document["checks"] if each["code"] != "restored"}
    assert (done.status, answers.get("network"), answers["mine"]) == (status, answered, "pass")
    assert done.document["network"] == "open"
    assert (stack.program.ask("snapshots")[0]["proven"] is None) == (status == 3)


def test_where_nothing_is_run_nobody_needs_a_network_of_its_own(stack: DrilledStack) -> None:
    text = CHECK.replace(ACCEPTING, "").replace("NAME", "mine")
    stack.configure(text.replace("QUESTION", 'sql = "SELECT count(*) = 8 FROM photo"'))
    forbid_networks(stack)
    stack.program.good("backup")
    assert (stack.drill().status, stack.drill("--sample").status) == (0, 0)


def forbid_networks(stack: DrilledStack) -> None:
    """Stand in for a system that refuses: a container without rights, or an ordinary user's of some systems."""
    folder = stack.folder / "refusing"
    folder.mkdir()
    (folder / "unshare").write_text('#!/bin/sh\necho "unshare failed: Operation not permitted" >&2\nexit 1\n')
    (folder / "unshare").chmod(0o755)
    stack.program.environment["PATH"] = f"{folder}:{stack.program.environment.get('PATH', os.environ['PATH'])}"


def test_a_promise_that_is_missed_is_named_and_ends_with_5(stack: DrilledStack) -> None:
    stack.configure('[objective]\nlost-server = { rto = "1s", rpo = "1s" }\n')
    stack.configure(
        '[objective]\nlost-server = { rto = "1s" }\n[drill]\n'
        f'{ACCEPTING}checks = [{{ name = "slow", run = "sleep 0.1" }}]\n'
    )
    stack.program.good("backup")
    text = (stack.root / "rebond.toml").read_text().replace('rto = "1h"\nrpo = "1h"', 'rto = "1h"\nrpo = "0s"')
    (stack.root / "rebond.toml").write_text(text)
    done = stack.drill()
    assert done.status == 5
    assert (done.document["ok"], done.document["verdict"]) == (False, "pass")
    assert [(each["subject"], each["measure"]) for each in done.document["missed"]] == [("media", "rpo")]
    assert "media" in stack.program("drill").out


def test_a_backup_with_a_drill_is_a_gate(stack: DrilledStack) -> None:
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", 'run = "test -e media/7.jpg"'))
    made = stack.program.ask("backup", "--drill")
    assert made["drill"]["verdict"] == "pass"
    (stack.root / "media" / "7.jpg").rename(stack.root / "media" / "8.jpg")
    refused = stack.program("backup", "--drill", "--json")
    assert refused.status == 4
    assert refused.document["drill"]["verdict"] == "fail"
    assert len(stack.program.ask("snapshots")) == 2  # it stands, and is not proved
    assert [each["proven"] is not None for each in stack.program.ask("snapshots")] == [True, False]


def test_a_drill_that_would_not_fit_is_refused_before_anything_is_restored(
    stack: DrilledStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rebond.operations.drills import room

    stack.program.good("backup")
    monkeypatch.setattr(room, "SPARE_BYTES", 1 << 60)
    done = stack.program("drill")
    assert done.status == 40
    assert "nothing was restored" in done.err


def test_without_a_configuration_what_is_in_the_vault_is_proved_all_the_same(stack: DrilledStack) -> None:
    stack.program.good("backup")
    (stack.root / "rebond.toml").unlink()
    del stack.program.environment["REBOND_CONFIG"]
    where = {"REBOND_VAULT": str(stack.folder / "vault"), "REBOND_KEY_FILE": str(stack.folder / "owner.key")}
    done = stack.program("drill", "--json", **where)
    assert done.status == 0, done.err
    assert done.document["verdict"] == "pass"
    assert answers(done.document, "integrity") == [("app", "pass")]


def test_the_evidence_speaks_french_where_that_is_asked_for(stack: DrilledStack) -> None:
    stack.program.good("backup")
    report = stack.folder / "exercice.md"
    stack.program.good("drill", "--report", report, "--lang", "fr")
    text = report.read_text()
    assert "Prouvé" in text
    assert "proved" not in text.lower()


def test_the_page_for_everyone_is_written_after_each_run_in_the_language_of_the_stack(stack: DrilledStack) -> None:
    page = stack.folder / "www" / "page.html"
    page.parent.mkdir()
    stack.configure(f'[serve]\npage = "{page}"\n')
    text = (stack.root / "rebond.toml").read_text().replace("[stack]\n", '[stack]\nlanguage = "fr"\n')
    (stack.root / "rebond.toml").write_text(text)
    del stack.program.environment["REBOND_LANG"]
    stack.program.good("backup")
    first = page.read_text()
    assert '<html lang="fr">' in first
    assert "Aucun exercice" in first
    stack.program.good("drill")
    assert "Aucun exercice" not in page.read_text()
    page.parent.rename(stack.folder / "gone")
    assert "could not be written" in stack.program.good("backup").err
