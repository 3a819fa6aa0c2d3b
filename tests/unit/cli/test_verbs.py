"""The grammar that every command shares."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from rebond.cli.__main__ import run
from rebond.cli.grammar.verbs import CommonOption, Verb, Verbs
from rebond.cli.invocation import Invocation
from rebond.cli.program import program


def every_verb(group: Verbs = program, path: str = "rebond") -> Iterator[tuple[str, Verb]]:
    """Yield every command with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Verbs):
            yield from every_verb(command, f"{path} {name}")
        else:
            assert isinstance(command, Verb)
            yield f"{path} {name}", command


VERBS = dict(every_verb())


@pytest.mark.parametrize("path", VERBS)
def test_every_command_has_help_with_an_example_that_it_would_accept(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for language in ("en", "fr"):
        assert run([*path.split()[1:], "--help", "--lang", language]) == 0
        assert f"$ {path}" in capsys.readouterr().out
    for line in VERBS[path].example.splitlines():
        if line.startswith(path):
            arguments = shlex.split(line.partition(" > ")[0], comments=True)[len(path.split()) :]
            VERBS[path].make_context(path, arguments, obj=Invocation(), resilient_parsing=False)


@pytest.mark.parametrize("path", VERBS)
def test_every_command_takes_the_common_options(path: str) -> None:
    names = {each.opts[0] for each in VERBS[path].params if isinstance(each, CommonOption)}

    assert names >= {"--vault", "--json", "--quiet", "--progress", "--lang"}


def test_help_loads_neither_the_commands_nor_what_they_need() -> None:
    code = (
        "import sys; from rebond.cli.__main__ import run; run(['--help']);"
        "heavy = [name for name in sys.modules if name.startswith(('rebond.vault', 'rebond.operations', 'rich',"
        " 'cryptography', 'obstore', 'zstandard', 'rebond.cli.commands.'))]; sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_common_option_may_stand_before_or_after_the_command() -> None:
    for arguments in (["--json", "--vault", "/v", "look"], ["look", "--vault", "/v", "--json"]):
        seen: list[Invocation] = []
        look = Verb("look", params=[], callback=click.pass_obj(seen.append))
        group = click.Group("rebond", commands={"look": look}, params=[*program.params])
        group.main(arguments, standalone_mode=False, obj=Invocation())

        assert seen[0].wants_json
        assert seen[0].named_vault == "/v"


def test_a_bare_call_shows_the_overview() -> None:
    done = subprocess.run([sys.executable, "-m", "rebond.cli"], capture_output=True, text=True, check=False)

    assert "snapshots" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words",
    [["import", "a.zip"], ["replicate"], ["notify", "test"], ["metrics"], ["audit"], ["estimate"], ["key", "rotate"]],
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_command_of_a_later_version_is_refused_with_what_does_its_work_until_then(
    words: list[str], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--json", "--lang", language]) == 2

    error = json.loads(capsys.readouterr().out)["error"]
    assert {"en": "is not in this version yet", "fr": "n'est pas encore dans cette version"}[language] in error[
        "message"
    ]
    assert "--help" not in error["hint"], "what to do instead is said, not how a command that is not there is written"
    assert {"en": "mean", "fr": "vouliez"}[language] not in error["message"].lower()


@pytest.mark.parametrize(
    "words", [["restore", "--resume"], ["recover", "somewhere", "--to"], ["restore", "--nothing-such"], ["recover"]]
)
def test_what_is_wrong_with_a_command_line_names_the_help_of_its_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--json"] if words[-1].startswith("--n") else words) == 2
    said = capsys.readouterr()
    assert f"rebond {words[0]} --help" in said.out + said.err


def test_a_form_of_a_later_version_is_refused_with_a_way_round(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "latest", "shop", "--format", "django", "--output", "x"]) == 2

    assert "dumpdata" in capsys.readouterr().err
