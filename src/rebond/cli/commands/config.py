"""``rebond config``: show, check and describe the configuration."""

import json

import click

from rebond.cli.configuration.at_hand import describe_problem, judge_configuration, require_configuration
from rebond.cli.configuration.toml_text import write_toml
from rebond.cli.grammar.verbs import Place, Verbs, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.output.speech import hint_of, message_of, tr
from rebond.cli.output.standard_output import write
from rebond.config.loading import Verdict
from rebond.config.places import Problem
from rebond.errors import ConfigError

config = Verbs(
    "config",
    places=[
        Place("rebond.cli.commands.config", "show", "Show what all files of the configuration say together."),
        Place("rebond.cli.commands.config", "check", "Find everything that is wrong with the configuration."),
        Place("rebond.cli.commands.config", "schema", "Print the JSON Schema, for editors."),
    ],
    help="Show, check and describe the configuration.",
    example="rebond config check",
)


@verb(
    "show",
    help="Show what all files of the configuration say together, and which files these are. References to secrets are "
    "shown as they are written; nothing is looked up.",
    example="rebond config show --config /etc/rebond/rebond.toml",
)
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Show nothing of a configuration that cannot be used: it may hold a secret that is written out."""
    root = require_configuration(invocation).root
    verdict = judge_configuration(invocation)
    document = {
        "files": [str(each) for each in verdict.files],
        "root": str(root),
        "configuration": json.loads(json.dumps(verdict.document, default=str)),
    }
    for each in verdict.files:
        note(invocation, tr("read: {path}", path=each))
    note(invocation, tr("root: {path}", path=root))
    answer(invocation, document, write_toml(verdict.document))


@verb(
    "check",
    help="Find everything that is wrong with the configuration at once: each problem with its file, its line and what "
    "to do. Ends with 2 when it cannot be used, with 3 when there are only warnings.",
    example="rebond config check --config rebond.toml",
)
@click.pass_obj
def check(invocation: Invocation) -> int:
    """Nothing is looked up and nobody is asked but the files themselves."""
    verdict = judge_configuration(invocation)
    document = {
        "ok": verdict.loaded is not None,
        "files": [str(each) for each in verdict.files],
        "problems": [_problem_document(each) for each in verdict.problems],
    }
    answer(invocation, document, "\n".join([*map(describe_problem, verdict.problems), _conclude(verdict)]))
    if verdict.loaded is None:
        return ConfigError.exit_status
    return DOUBTFUL if verdict.problems else GOOD


@verb(
    "schema",
    help="Print the JSON Schema of the configuration. Editors complete and check rebond.toml with it.",
    example="rebond config schema > rebond.schema.json",
)
@click.pass_obj
def schema(invocation: Invocation) -> None:
    """Print the same with and without ``--json``."""
    from rebond.config.json_schema import write_schema

    invocation.has_answered = True
    write(write_schema())


def _conclude(verdict: Verdict) -> str:
    faults = sum(not each.is_warning for each in verdict.problems)
    if faults:
        return tr("{path} cannot be used; it has {count} problems.", path=verdict.path, count=faults)
    if verdict.problems:
        return tr("{path} can be used; {count} things need a look.", path=verdict.path, count=len(verdict.problems))
    return tr("{path} is good.", path=verdict.path)


def _problem_document(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.place.file,
        "line": problem.place.line or None,
        "severity": "warning" if problem.is_warning else "error",
        "message": message_of(problem.error),
        "hint": hint_of(problem.error),
    }
