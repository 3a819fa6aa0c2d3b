"""``rebond history``: what ran, when, how it ended, and what it took."""

from collections.abc import Sequence
from typing import Any

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, GOOD, answer, note
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.records.history_shown import check_text, run_document, run_table
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.errors import ConfigError, UsageError
from rebond.findings import Finding
from rebond.history.checking import check_against_vault, check_ledger
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import Run, RunFilter, read_runs, runs_of_lines
from rebond.history.vault_ledgers import read_vault_ledgers
from rebond.units import parse_moment

SHOWN = 50  # runs, where nobody says how many


@verb(
    "history",
    help="List the runs of this machine: when each began, how long it took, what it read and stored, how it ended. A "
    "run that was killed shows as never ended. With --from-vault, or with --vault, and the owner's key, list the runs "
    "of every host that writes to the vault. --check finds lines of the ledger that were altered or taken out, and "
    "ends with 4 when there are any.",
    example="rebond history --since -7d --kind backup",
)
@option("--since", metavar="TIME", help="Only runs that began then or later, such as 2026-02-04 or -7d.")
@option("--kind", default="", metavar="KIND", help="Only runs of this kind, such as backup, verify or prune.")
@option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N; 50 unless --since is given.")
@option("--from-vault", "asks_vault", is_flag=True, help="Also what other hosts sealed in the vault; owner's key.")
@option("--check", "checks", is_flag=True, help="Check that no line of the ledger was altered or taken out.")
@click.pass_obj
def history(invocation: Invocation, /, asks_vault: bool, checks: bool, **wishes: Any) -> int:
    """Without a vault that is named, only what lies here is read: that needs no key."""
    if checks and (wishes["since"] or wishes["kind"] or wishes["last"]):
        raise UsageError("--check looks at every line of the ledger.", hint="Leave --since, --kind and --last out.")
    ledger = Ledger(invocation.state_folder / HISTORY)
    asks_vault = asks_vault or invocation.vault is not None
    try:
        if checks:
            return _check(invocation, ledger, asks_vault=asks_vault)
        runs = _read_vault(invocation, _filter(wishes)) if asks_vault else read_runs(ledger, _filter(wishes))
    except OSError as error:
        raise ConfigError(
            "The ledger in {path} cannot be read: {reason}.",
            hint="Check the rights of that folder, or set REBOND_STATE_DIR.",
            path=str(ledger.folder),
            reason=error.strerror or str(error),
        ) from None
    return _show(invocation, runs)


def _filter(wishes: dict[str, Any]) -> RunFilter:
    since = wishes["since"]
    return RunFilter(
        since_ms=parse_moment(since, now_ms=SystemClock().now_ms()) if since else None,
        kind=wishes["kind"],
        newest=wishes["last"] or (None if since else SHOWN),
    )


def _read_vault(invocation: Invocation, wanted: RunFilter) -> list[Run]:
    """Return the runs of every host, as they were sealed; what is odd about a ledger is told on the way."""
    found: list[Run] = []
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        for ledger in read_vault_ledgers(vault.live):
            for finding in ledger.findings:
                watcher.noticed(finding)
            found += runs_of_lines(ledger.lines.values(), wanted, chain=ledger.chain)
    found.sort(key=lambda run: run.began_ms)
    return found if wanted.newest is None else found[-wanted.newest :]


def _show(invocation: Invocation, runs: Sequence[Run]) -> int:
    answer(invocation, [run_document(each) for each in runs], run_table(runs) if runs else "")
    if not runs:
        note(invocation, tr("No run is written down here that fits."))
    return GOOD


def _check(invocation: Invocation, ledger: Ledger, *, asks_vault: bool) -> int:
    lines, findings = check_ledger(ledger)
    if asks_vault:
        findings += _check_vault(invocation, ledger)
    document = {
        "ok": not findings,
        "lines": lines,
        "vault": asks_vault,
        "findings": [finding_document(each) for each in findings],
    }
    answer(invocation, document, check_text(lines, findings))
    return DAMAGED if findings else GOOD


def _check_vault(invocation: Invocation, ledger: Ledger) -> list[Finding]:
    heard: list[Finding] = []
    with vault_at_hand(invocation, heard.append) as vault:
        heard += check_against_vault(vault.live, ledger)
        if vault.live.can_read():
            heard += [finding for each in read_vault_ledgers(vault.live) for finding in each.findings]
    return list({(each.code, each.subject): each for each in heard}.values())
