"""``rebond recover``: on a bare machine, with the vault's address and the recovery kit."""

from pathlib import Path
from typing import Any

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.snapshots.choosing import stack_option


@verb(
    "recover",
    help="On a bare machine: fetch the configuration, and the runbook where there is one, out of the newest whole "
    "snapshot of the vault at URL, show the plan and what this machine lacks, and bring the stack back. The key is "
    "asked for, or comes from the environment as always; the recovery key of the kit will do.",
    example="rebond recover s3://backups/shop",
)
@click.argument("url")
@option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The stack's root is to be here instead; no command of the stack is run then.",
)
@option(
    "--into-server",
    metavar="ADDRESS",
    help="With --to: load the databases of dumps into this server, such as postgresql://USER@HOST:PORT.",
)
@option(
    "--at",
    "moment",
    metavar="MOMENT",
    help="As of this moment, such as '2026-02-04 14:32:07' or -2h: of each component its newest version by then.",
)
@option("--dry-run", is_flag=True, help="Only show the plan and what is missing.")
@option("--yes", is_flag=True, help="Do it without asking.")
@option("--no-owner", is_flag=True, help="Everything belongs to who restores, not to whom it belonged.")
@option("--other-cluster", is_flag=True, help="Set a data directory of another PostgreSQL cluster aside too.")
@option("--jobs", type=click.IntRange(1, 64), default=2, metavar="N", help="How many threads decode.")
@stack_option
@click.pass_obj
def recover(invocation: Invocation, /, url: str, target: Path | None, moment: str | None, **wishes: Any) -> int:
    """Return 3 when something could not be put back as it was."""
    from rebond.cli.recovery.bare_machine import recover_stack

    return recover_stack(invocation, url, target, moment, wishes)
