"""``rebond init``: look at a directory, write its configuration, make the vault, print the recovery kit."""

import sys
from pathlib import Path

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.speech import show_path, tr


@verb(
    "init",
    help="Look at this directory (compose files, Django, .env, volumes, databases, git), write a commented rebond.toml "
    "without a secret in it, make the vault and print the recovery kit. It runs nothing of the project. Run again, it "
    "changes nothing; cut short, it goes on.",
    example="cd ~/shop && rebond init\nrebond init --yes --vault s3://backups/shop\nrebond init --safe --kit kit.txt",
)
@option("--yes", is_flag=True, help="Do not ask.")
@option(
    "--safe",
    is_flag=True,
    help="Only a writer's key file stays here: this machine cannot read its backups. The owner's key is in the kit.",
)
@option(
    "--kit",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write the recovery kit there, mode 0600.",
)
@click.pass_obj
def init(invocation: Invocation, yes: bool, safe: bool, kit: Path | None) -> None:
    """Everything is settled on disk in an order that may be cut anywhere; the configuration comes last."""
    from rebond.cli.founding.earlier import find_earlier
    from rebond.cli.founding.setup import Setup

    setup = Setup(invocation, Path.cwd(), is_safe=safe, kit=kit)
    earlier = find_earlier(invocation, setup.target)
    if earlier is not None:
        setup.finish_earlier()
        _tell_earlier(invocation, earlier)
        return
    setup.require_writable()
    asks = not yes and not invocation.wants_json and sys.stdin.isatty() and sys.stderr.isatty()
    setup.look()
    if asks:
        setup.take_vault(_ask_vault(setup.places.vault))
    setup.found()
    setup.tell_kit()
    setup.write_configuration()
    setup.finish()
    if setup.has_shown_kit:  # standard output holds it, and nothing else: it is printed, or goes to a file
        note(invocation, setup.describe())
    elif not invocation.wants_json:
        answer(invocation, {}, setup.describe())
    note(invocation, tr("Next: rebond doctor, then rebond backup. 'rebond restore latest --to DIR' brings it back."))


def _ask_vault(proposed: str) -> str:
    """Ask where the vault goes."""
    question = tr("Where the vault goes (a directory, or s3://BUCKET/PREFIX)")
    return str(click.prompt(question, default=proposed, err=True)).strip()


def _tell_earlier(invocation: Invocation, path: Path) -> None:
    text = tr("There is a configuration already: {path}. Nothing was changed.", path=show_path(str(path)))
    answer(invocation, {"configuration": str(path), "changed": False}, text)
    note(invocation, tr("Next: rebond doctor, then rebond backup. 'rebond restore latest --to DIR' brings it back."))
