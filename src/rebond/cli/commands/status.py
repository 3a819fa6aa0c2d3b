"""``rebond status``: what is promised, beside what was measured."""

from pathlib import Path

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, MISSED, answer
from rebond.cli.output.watching import watching
from rebond.cli.vaults.opening import vault_at_hand

_MEANWHILE = ("rebond.cli.status.gathering", "rebond.cli.status.shown")


@verb(
    "status",
    help="Set recovery time and recovery point, as promised, beside what drills and snapshots show, for each component "
    "and each scenario; say why one is missed and what would mend it, what will break as the stack grows, when each "
    "class ran and runs next, where copies are, and which half of promise 4 holds. The exit status is 5 when a promise "
    "is missed.",
    example="rebond status\nrebond status --html /var/www/backups.html --lang fr",
)
@option(
    "--html",
    "page",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write one page that anyone can read.",
)
@click.pass_obj
def status(invocation: Invocation, page: Path | None) -> int:
    """Return 5 when an objective is missed."""
    loaded = require_configuration(invocation)
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.status.gathering import find_status
        from rebond.cli.status.shown import describe_status, status_document, write_page

        found = find_status(invocation, vault.live, loaded, watcher)
    if page is not None:
        write_page(found, page)
    answer(invocation, status_document(found), describe_status(found))
    return MISSED if found.missed else GOOD
