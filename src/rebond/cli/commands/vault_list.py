"""``rebond vault list``: which vaults lie below an address."""

import click
from msgspec import Struct
from msgspec.structs import asdict

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.output.speech import message_of, tr
from rebond.cli.output.tables import format_table
from rebond.cli.vaults.opening import missing_vault_told
from rebond.errors import RebondError, VaultMissing
from rebond.findings import Finding
from rebond.store.opening import open_store
from rebond.store.places import Place, find_places
from rebond.units import format_iso, format_moment
from rebond.vault.description import DESCRIPTION_NAME, read_description
from rebond.vault.local_vaults import BESIDE

_LEVELS = 2
_MOST_LEVELS = 8


@verb(
    "list",
    help="List the vaults at URL and below it: a directory (a mounted disk), or a bucket. It takes no secret, and "
    "follows no links. A vault that cannot be read is listed with the reason, and the status is 3.",
    example="rebond vault list /mnt/backup",
)
@click.argument("url")
@option(
    "--levels",
    type=click.IntRange(0, _MOST_LEVELS),
    default=_LEVELS,
    show_default=True,
    metavar="N",
    help="How many levels below URL are looked at.",
)
@click.pass_obj
def list_(invocation: Invocation, url: str, levels: int) -> int:
    """Look through the folders; what is in a vault is not looked at."""
    unread: list[RebondError] = []
    with missing_vault_told():
        places = find_places(url, DESCRIPTION_NAME, depth=levels, report=unread.append)
        rows = [row for place in places if (row := _look_at(place)) is not None]
    for each in unread:
        note(invocation, tr(each.template, **each.values))
    if not rows:
        raise VaultMissing(
            "There is no vault at {location}, nor within {levels} levels below it.",
            hint="Check the address and that its disk is mounted, or look deeper: --levels {more}.",
            location=url,
            levels=levels,
            more=min(levels + 2, _MOST_LEVELS),
        )
    lines = [[row.shown_made, row.vault_id or "", ": ".join(filter(None, (row.location, row.problem)))] for row in rows]
    documents = [{name: value for name, value in asdict(row).items() if name != "shown_made"} for row in rows]
    answer(invocation, documents, format_table([tr("made"), tr("vault"), tr("place")], lines))
    return DOUBTFUL if unread or any(row.problem for row in rows) else GOOD


class _Row(Struct, frozen=True, kw_only=True):
    location: str
    vault_id: str | None = None
    owner_fingerprint: str | None = None
    made: str | None = None
    problem: str | None = None
    shown_made: str = "-"


def _look_at(place: Place) -> _Row | None:
    """Return what is said of a vault; ``None`` for a file of another program that is called the same."""
    noticed: list[Finding] = []
    try:
        store = open_store(place.address)
        try:
            found = read_description(store, notice=noticed.append)
        finally:
            store.close()
    except RebondError as error:
        if BESIDE not in place.folders:
            return None
        return _Row(location=place.address, problem=message_of(error))
    return _Row(
        location=place.address,
        vault_id=found.vault_id.hex(),
        owner_fingerprint=found.owner_fingerprint,
        made=format_iso(found.made_ms),
        shown_made=format_moment(found.made_ms),
        problem=message_of(noticed[0]) if noticed else None,
    )
