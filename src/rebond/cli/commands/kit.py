"""``rebond kit``: the recovery kit again."""

from collections.abc import Mapping
from pathlib import Path

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import language, tr
from rebond.cli.vaults.opening import store_at_hand, vault_at_hand
from rebond.cli.vaults.wheels_at_hand import gather_wheels, list_wheels, wheels_option
from rebond.clock import SystemClock
from rebond.vault.description import read_description
from rebond.vault.kit import make_kit, render_kit
from rebond.vault.member_files import require_new_secret_file, write_secret_file
from rebond.vault.roster import load_newest_roster


@verb(
    "kit",
    help="Print the recovery kit again: address, fingerprints, what to do. The recovery key itself is kept nowhere; "
    "'rebond key add --recovery-key' makes a new one. It takes no secret; with --wheels it takes the owner's.",
    example="rebond kit --vault /backup --output kit.txt",
)
@option("--output", type=click.Path(path_type=Path, readable=False), metavar="FILE", help="Write it there, mode 0600.")
@wheels_option
@click.pass_obj
def kit(invocation: Invocation, output: Path | None, wheels: str | None) -> None:
    """All of it is public but the key, which is not in it."""
    if output:
        require_new_secret_file(output)
    if wheels:
        _put_wheels(invocation, gather_wheels(wheels))
    with store_at_hand(invocation) as store:
        description = read_description(store)
        roster = load_newest_roster(
            store,
            description.owner_verify_key,
            notice=lambda finding: note(invocation, describe_finding(finding)),
        )
        made = make_kit(description, roster, address=store.location)
    pages = render_kit(made, "fr" if language() == "fr" else "en")
    if output:
        write_secret_file(output, pages.encode())
    document = {
        "address": made.address,
        "vault_id": made.vault_id,
        "owner_fingerprint": made.owner_fingerprint,
        "rescue": [{"name": each.name, "sha256": each.sha256.hex()} for each in made.rescue],
        "wheels": list_wheels(roster),
        "text": pages,
    }
    answer(invocation, document, tr("The recovery kit is in {path}.", path=output) if output else pages)


def _put_wheels(invocation: Invocation, wheels: Mapping[str, bytes]) -> None:
    from rebond.vault.wheels import carry_wheels

    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        carry_wheels(vault.store, vault.opened.require_keyring(), wheels, clock=SystemClock())
