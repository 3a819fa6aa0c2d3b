"""``rebond completion``: the lines that a shell needs to complete commands."""

import click
from click.shell_completion import get_completion_class

from rebond.cli.grammar.verbs import verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer

SHELLS = ("bash", "zsh", "fish")


@verb(
    "completion",
    help="Print the lines that make a shell complete commands and options.",
    example="rebond completion bash > ~/.local/share/bash-completion/completions/rebond",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script; it asks the program itself what comes next."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - the choice is ours
    root = context.find_root().command
    script = made(root, {}, "rebond", "_REBOND_COMPLETE").source()
    answer(context.find_object(Invocation) or Invocation(), {"shell": shell, "script": script}, script)
