"""Hooks of a configuration: what they write holds no secret, whether they succeed or fail."""

import pathlib

import pytest
from tests.unit.config.written import read_body

from rebond.errors import CommandFailed, RebondError
from rebond.findings import Finding, Severity
from rebond.operations.hooks import Hook, Hooks, OnFailure, run_after, surround
from rebond.stack.hooks import make_hooks
from rebond.testing.manual_clock import ManualClock

SAYS = "echo out $DB_PASSWORD; echo err $DB_PASSWORD >&2"


def hook_of(folder: pathlib.Path, run: str) -> Hook:
    loaded = read_body(folder, f'[hooks]\nbefore = [{{ run = "{run}" }}]\n', DB_PASSWORD="hunter2-and-more").loaded
    assert loaded
    return make_hooks(loaded, "daily").before[0]


def test_what_a_hook_writes_is_returned_without_secrets(tmp_path: pathlib.Path) -> None:
    assert hook_of(tmp_path, SAYS).run() == "out ***\nerr ***"


def test_what_a_failed_hook_wrote_is_told_without_secrets(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        hook_of(tmp_path, f"{SAYS}; exit 3").run()
    assert caught.value.message == "it ended with status 3. Its last words: err ***"


@pytest.mark.root
def test_a_hook_runs_as_somebody_else(tmp_path: pathlib.Path) -> None:
    loaded = read_body(tmp_path, '[hooks]\nbefore = [{ run = "id -un", user = "nobody" }]\n').loaded
    assert loaded
    assert make_hooks(loaded, "").before[0].run() == "nobody"


def test_only_the_end_of_a_long_output_is_kept(tmp_path: pathlib.Path) -> None:
    output = hook_of(tmp_path, "seq 1 20000").run()
    assert output.endswith("20000")
    assert len(output) <= 16_000


def test_a_long_command_is_named_in_short_and_on_one_line(tmp_path: pathlib.Path) -> None:
    assert hook_of(tmp_path, "echo   " + "x" * 100).name == "echo " + "x" * 55 + "…"


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(), CommandFailed("no")])
def test_whatever_ends_the_work_what_runs_always_runs_and_the_work_ends_so(raised: BaseException) -> None:
    ran: list[str] = []

    def say(name: str) -> str:
        ran.append(name)
        return ""

    def act() -> None:
        raise raised

    hooks = Hooks(
        after=(
            Hook(name="never", run=lambda: say("never")),
            Hook(name="always", run=lambda: say("always"), runs_always=True),
        )
    )
    with pytest.raises(type(raised)):
        surround(hooks, act, ManualClock(), lambda _: None)
    assert ran == ["always"]


@pytest.mark.parametrize(
    ("on_failure", "severity"), [(OnFailure.WARN, Severity.WARNING), (OnFailure.IGNORE, Severity.NOTE)]
)
def test_a_failure_weighs_what_the_configuration_says(on_failure: OnFailure, severity: Severity) -> None:
    def fail() -> str:
        raise RebondError("broken")

    found: list[Finding] = []
    hooks = [Hook(name="one", run=fail, on_failure=on_failure), Hook(name="two", run=lambda: "said")]
    run_after(hooks, ManualClock(), found.append, has_failed=False)

    assert [(each.code, each.severity) for each in found] == [
        ("hook-failed", severity),
        ("hook-ran", Severity.NOTE),
    ]
    assert found[1].message == "The hook 'two' ran for 0.0 s and wrote: said"
