"""What commands really say here and now, for the runbook: those that only look, asked in this process."""

import contextlib
import io
import os
import re
from collections.abc import Sequence

import click

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.at_hand import find_vault
from rebond.errors import RebondError
from rebond.runbook.facts import Offered, VaultFacts
from rebond.runbook.restoring import IN_PLACE, TRY_BESIDE
from rebond.runbook.saving import NEWEST_SNAPSHOTS

_TARGET = "~/rebond-XXXXXX"  # what is shown where a real folder would have a name of its own
_RUN = re.compile(r"\b[0-9a-f]{16}\b")
_SECRETS = ("REBOND_KEY_FILE", "REBOND_PASSPHRASE", "REBOND_PASSPHRASE_FILE", "REBOND_PASSPHRASE_COMMAND")


def show_outputs(invocation: Invocation, vault: VaultFacts, offered: Offered) -> dict[str, str]:
    """Return what the commands of the page say that change nothing, by their lines.

    Nobody is asked for a passphrase a second time, and what fails has no output. Ids of runs that are only planned
    are shown as ``RUN``.
    """
    if not vault.snapshots or not _has_key(invocation):
        return {}
    wanted = {NEWEST_SNAPSHOTS: NEWEST_SNAPSHOTS.split()[1:]}
    if vault.role == "owner" and vault.newest_whole is not None:
        wanted[TRY_BESIDE] = ["restore", "latest", "--to", os.path.expanduser(_TARGET), "--dry-run"]
        if offered.has("restore", "--in-place"):
            wanted[IN_PLACE] = IN_PLACE.split()[1:]
    heard = {command: _hear(invocation, arguments) for command, arguments in wanted.items()}
    return {command: _RUN.sub("RUN", text) for command, text in heard.items() if text}


def _hear(invocation: Invocation, arguments: Sequence[str]) -> str:
    """Return what a command writes to standard output; empty when it does not end with 0."""
    from rebond.cli.program import program

    asked = Invocation(
        environment=invocation.environment, vault=invocation.vault, config=invocation.config, is_quiet=True
    )
    out, aside = io.StringIO(), io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(aside),
            program.make_context("rebond", list(arguments), obj=asked) as context,
        ):
            status = program.invoke(context)
    except (RebondError, click.ClickException, click.exceptions.Exit, OSError):
        return ""
    return out.getvalue() if status in {None, 0} else ""


def _has_key(invocation: Invocation) -> bool:
    return any(invocation.environment.get(name) for name in _SECRETS) or find_vault(invocation).has_key
