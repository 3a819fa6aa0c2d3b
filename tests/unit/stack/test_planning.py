"""What a configuration asks of a backup, and what cannot be done yet."""

import pathlib

import pytest
from tests.unit.config.written import read_body

from rebond.config.components import KINDS
from rebond.config.model import Loaded
from rebond.errors import RebondError, SourceUnfit, UnknownName, UsageError
from rebond.findings import Finding
from rebond.operations.components import Judged
from rebond.stack.expecting import make_judge
from rebond.stack.keeping import find_policies
from rebond.stack.planning import plan_backup
from rebond.stack.strategies import SMART
from rebond.vault.retention import KeepPolicy
from rebond.vault.walk_progress import TreeTotals

BODY = """
[[replica]]
name = "s3"
url = "s3://b/v"
[component.media]
kind = "files"
path = "media"
[component.code]
kind = "files"
path = "."
strategy = "complete"
[component.db]
kind = "django"
[component.cache]
kind = "ephemeral"
[class.daily]
schedule = "0 3 * * *"
components = ["media", "code"]
strategy = "smart"
tags = ["nightly"]
keep = { vault = { daily = 7, within = "2d", at_most = "1y" }, s3 = "for-ever" }
[class.full]
trigger = "manual"
components = "all"
allow_partial = true
[class.tidy]
trigger = "manual"
components = ["media"]
keep = { last = 3, tags = ["x"] }
"""


def _hear_nothing(_finding: Finding) -> None:
    """Nobody listens."""


@pytest.fixture
def loaded(tmp_path: pathlib.Path) -> Loaded:
    found = read_body(tmp_path, BODY).loaded
    assert found
    return found


def test_a_class_chooses_its_components_and_its_strategy_wins(loaded: Loaded) -> None:
    plan = plan_backup(loaded, class_name="daily", excludes=["*.x"])

    assert [each.name for each in plan.components] == ["media", "code"]
    assert (plan.stack, plan.class_, plan.tags, plan.allows_partial) == ("shop", "daily", ("nightly",), False)
    assert ".git/" in plan.components[0].exclusions
    assert plan.components[1].exclusions == (*SMART, "*.x")
    without = plan_backup(loaded, class_name="full")
    assert [each.exclusions for each in without.components[:2]] == [(), ()]


def test_one_that_cannot_be_saved_refuses_unless_a_part_is_enough(loaded: Loaded) -> None:
    names = ["media", "code", "db", "cache"]
    with pytest.raises(SourceUnfit) as caught:
        plan_backup(loaded, names=names)
    assert str(caught.value) == "The component db is of the kind django, which cannot be saved yet."
    plan = plan_backup(loaded, names=names, allows_partial=True)
    assert [each.name for each in plan.components] == names
    with pytest.raises(SourceUnfit, match="cannot be saved yet"):
        plan.components[2].open_tree(_hear_nothing)
    assert plan_backup(loaded, class_name="full").allows_partial


def test_names_choose_and_unknown_ones_are_told_with_the_nearest(loaded: Loaded) -> None:
    assert [each.name for each in plan_backup(loaded, names=["media", "media"]).components] == ["media"]
    for arguments, message in ((("medai",), "There is no component 'medai'."), ((), "There is no class 'dayli'.")):
        with pytest.raises(UnknownName) as caught:
            plan_backup(loaded, names=arguments, class_name="" if arguments else "dayli")
        assert caught.value.message == message
        assert caught.value.hint == f"Did you mean '{'media' if arguments else 'daily'}'?"


def test_what_may_be_lost_is_no_reason_to_fail_and_nothing_to_save(loaded: Loaded) -> None:
    with pytest.raises(UsageError, match="names nothing to save"):
        plan_backup(loaded, names=["cache"])


LATER = ("django",)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(LATER)))
@pytest.mark.parametrize("line", ["", 'in = "compose:web"', 'volume = "data"'])
def test_every_other_kind_can_be_saved_wherever_it_lives(tmp_path: pathlib.Path, kind: str, line: str) -> None:
    extra = {
        "secrets": 'path = "x"',
        "files": 'path = "x"',
        "sqlite": 'path = "x"',
        "command": 'run = "x"',
        "regenerable": 'run = "x"',
    }.get(kind, "")
    body = f'[component.it]\nkind = "{kind}"\n{extra}\n{line}\n[component.other]\nkind = "files"\npath = "y"\n'
    loaded = read_body(tmp_path, body).loaded
    assert loaded

    assert [each.kind for each in plan_backup(loaded).components] == [kind, "files"]


@pytest.mark.parametrize("kind", LATER)
def test_every_kind_that_comes_later_says_so(tmp_path: pathlib.Path, kind: str) -> None:
    loaded = read_body(tmp_path, f'[component.it]\nkind = "{kind}"\n').loaded
    assert loaded
    for allows_partial in (False, True):
        with pytest.raises(SourceUnfit, match=f"is of the kind {kind}, which cannot be saved yet"):
            plan_backup(loaded, allows_partial=allows_partial)


def test_what_belongs_into_another_vault_is_planned_apart_and_as_a_change(tmp_path: pathlib.Path) -> None:
    body = (
        '[vaults.apart]\nurl = "/v"\n[component.it]\nkind = "secrets"\npath = "x"\nvault = "apart"\n'
        '[component.other]\nkind = "files"\npath = "y"\n'
        '[class.night]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
        '[class.watch]\ntrigger = "change"\ncomponents = ["it"]\n'
    )
    loaded = read_body(tmp_path, body).loaded
    assert loaded
    plan = plan_backup(loaded, class_name="night")

    assert [each.name for each in plan.components] == ["other"]
    assert {vault: [each.name for each in those] for vault, those in plan.apart.items()} == {"apart": ["it"]}
    assert plan.class_of_apart == {"apart": "watch"}
    assert (plan.is_of_change, plan_backup(loaded, class_name="watch").is_of_change) == (False, True)


def test_several_that_cannot_be_saved_are_told_at_once(tmp_path: pathlib.Path) -> None:
    body = '[component.a]\nkind = "django"\n[component.b]\nkind = "django"\n'
    loaded = read_body(tmp_path, body).loaded
    assert loaded
    with pytest.raises(SourceUnfit, match=r"2 components cannot be saved yet: a \(django\), b \(django\)\."):
        plan_backup(loaded)


def test_what_is_asked_for_around_a_backup_and_not_done_is_noted(tmp_path: pathlib.Path) -> None:
    body = (
        '[component.a]\nkind = "files"\npath = "x"\n[class.c]\ntrigger = "manual"\ncomponents = "all"\n'
        'export = [{ component = "a", format = "zip", to = "x", keep = "2d" },'
        '{ component = "a", format = "zip", to = "x", encrypt = "gpg" },'
        '{ component = "a", format = "django", to = "x" }]\n'
    )
    loaded = read_body(tmp_path, body).loaded
    assert loaded

    plan = plan_backup(loaded, class_name="c")
    assert [each.message for each in plan.notes] == [
        "The export of a (django) is not carried out yet; nothing is written for it."
    ]
    assert [(each.folder, each.keep_seconds) for each in plan.exports] == [
        (str(loaded.root / "x"), 172_800),
        (str(loaded.root / "x"), None),
    ]


def test_a_run_of_a_part_exports_that_part_alone(tmp_path: pathlib.Path) -> None:
    body = (
        '[component.a]\nkind = "files"\npath = "x"\n[component.b]\nkind = "files"\npath = "y"\n'
        '[class.c]\ntrigger = "manual"\ncomponents = "all"\n'
        'export = [{ component = "a", format = "zip", to = "x" }, { component = "b", format = "zip", to = "x" }]\n'
    )
    loaded = read_body(tmp_path, body).loaded
    assert loaded

    assert [each.request.component for each in plan_backup(loaded, names=["b"], class_name="c").exports] == ["b"]
    assert [each.request.component for each in plan_backup(loaded, class_name="c").exports] == ["a", "b"]


def test_retention_goes_by_class_and_place(loaded: Loaded) -> None:
    day_ms = 86_400_000
    daily = KeepPolicy(daily=7, within_ms=2 * day_ms, at_most_ms=365 * day_ms)
    tidy = KeepPolicy(last=3, tags=frozenset({"x"}))

    assert find_policies(loaded, "vault") == {"daily": daily, "tidy": tidy}
    assert find_policies(loaded, "s3") == {"daily": KeepPolicy(keeps_all=True), "tidy": tidy}


@pytest.mark.parametrize(
    ("expect", "totals", "message"),
    [
        ('files = ">= 10"', TreeTotals(files=9), "The component it is not as expected: files is 9, not >= 10."),
        ('size = "> 1MB"', TreeTotals(bytes=10), "The component it is not as expected: size is 10 B, not > 1.00 MB."),
        ('files = "= 2"', TreeTotals(files=2), ""),
        ('files = "< 2"', TreeTotals(files=2), "The component it is not as expected: files is 2, not < 2."),
        ('size = "<= 1kB"', TreeTotals(bytes=1000), ""),
    ],
)
def test_expectations(tmp_path: pathlib.Path, expect: str, totals: TreeTotals, message: str) -> None:
    for verdict in ("fail", "warn"):
        key, _, bound = expect.partition(" = ")
        rule = f'expect = {{ {key} = {{ is = {bound}, else = "{verdict}" }} }}'
        body = f'[component.it]\nkind = "files"\npath = "x"\n{rule}\n'
        loaded = read_body(tmp_path, body).loaded
        assert loaded
        judge = make_judge("it", loaded.configuration.component["it"].expect)
        assert judge
        noticed: list[Finding] = []
        try:
            judge(Judged(totals=totals), noticed.append)
            said = [each.message for each in noticed]
        except RebondError as error:
            assert verdict == "fail"
            said = [error.message]
        assert said == ([message] if message else [])
