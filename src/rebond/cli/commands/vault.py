"""``rebond vault``: make one, look at one."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from rebond.cli.grammar.verbs import Place, Verbs, is_text, option, verb, words_option
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note, say_yes_or_no
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import label, language, tr
from rebond.cli.output.tables import format_facts
from rebond.cli.vaults.at_hand import find_vault
from rebond.cli.vaults.key_at_hand import find_new_passphrase, find_passphrase
from rebond.cli.vaults.members_shown import members_document
from rebond.cli.vaults.opening import store_at_hand
from rebond.cli.vaults.wheels_at_hand import gather_papers, list_wheels, wheels_option
from rebond.clock import SystemClock
from rebond.errors import RebondError, UsageError, VaultMissing
from rebond.findings import Finding
from rebond.store.proving import StoreProof, prove_store
from rebond.units import format_iso, format_moment
from rebond.vault.creation import create_vault, new_key_file, require_free_place
from rebond.vault.description import read_description
from rebond.vault.kit import make_kit, render_kit, split_hex
from rebond.vault.member_files import require_new_secret_file, write_secret_file
from rebond.vault.roster import load_newest_roster

vault = Verbs(
    "vault",
    places=[
        Place("rebond.cli.commands.vault", "create", "Make a vault and print its recovery kit."),
        Place("rebond.cli.commands.vault", "info", "Show what a vault says of itself; takes no secret."),
        Place("rebond.cli.commands.vault_list", "list", "List the vaults at and below an address; takes no secret."),
    ],
    help="Make a vault, or look at one.",
    example="rebond vault create /backup",
)


@verb(
    "create",
    help="Make a vault at URL: a directory, which may be missing, or s3://BUCKET/PREFIX. It asks for a passphrase "
    "(or takes REBOND_PASSPHRASE), tries out whether the store keeps its promises, and prints the recovery kit.",
    example="rebond vault create /backup --kit kit.txt",
)
@click.argument("url", required=False)
@option(
    "--kit",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write the recovery kit there, mode 0600.",
)
@option(
    "--key-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Make an owner's key file as well.",
)
@words_option("--label", default="owner", metavar="NAME", help="What the owner is called in lists.")
@wheels_option
@click.pass_obj
def create(
    invocation: Invocation, url: str | None, kit: Path | None, key_file: Path | None, label: str, wheels: str | None
) -> None:
    """Make a vault. The secrets on this machine are written before anything relies on them."""
    clock = SystemClock()
    configured = find_vault(invocation, url)
    if not is_text(configured.address):
        raise UsageError(
            "The vault's address is not text: some of its bytes are not UTF-8, and the recovery kit has to name it.",
            hint="Choose another directory.",
        )
    for path in (kit, key_file):
        if path:
            require_new_secret_file(path)  # a vault whose kit could not be written would be lost with its passphrase
    papers = gather_papers(wheels)
    given = find_passphrase(invocation) or configured.find_passphrase()
    is_wanted, is_typed = key_file is None or given is not None, given is None and sys.stdin.isatty()
    passphrase = None
    if is_wanted and not is_typed:  # raises, before there is a directory
        try:
            passphrase = find_new_passphrase(invocation, configured)
        except RebondError:
            with suppress(VaultMissing), store_at_hand(invocation, configured.address) as store:
                require_free_place(store)  # what is there already is worth more than that a secret is missing
            raise
    with store_at_hand(invocation, configured.address, create=True) as store:
        require_free_place(store)
        if is_wanted and is_typed:
            passphrase = find_new_passphrase(invocation, configured)
        proof = prove_store(store, clock)
        content = new_key_file() if key_file else None
        if key_file and content:
            write_secret_file(key_file, content)
        created = create_vault(
            store, clock=clock, proof=proof, passphrase=passphrase, key_file=content, owner_label=label, papers=papers
        )
        recovery = make_kit(
            created.description, created.roster, address=store.location, recovery_key=created.recovery_key
        )
        pages = render_kit(recovery, "fr" if language() == "fr" else "en")
        if kit:
            write_secret_file(kit, pages.encode())
        document = {
            "vault_id": created.vault_id.hex(),
            "location": store.location,
            "owner_fingerprint": recovery.owner_fingerprint,
            "recovery_key": None if kit else created.recovery_key,
            "kit": str(kit) if kit else None,
            "key_file": str(key_file) if key_file else None,
            "promises": {each.code: each.holds for each in proof.promises},
            "wheels": list_wheels(created.roster),
        }
    _warn_of_broken_promises(invocation, proof)
    said = tr("A vault was made at {location}.", location=store.location)
    answer(invocation, document, f"{said}\n" if kit else f"{said}\n\n{pages}")
    place = tr("The recovery kit is in {path}.", path=kit) if kit else tr("Print the recovery kit above.")
    note(invocation, place + " " + tr("Put it in a safe, away from this machine: it opens the vault."))


@verb(
    "info",
    help="Show what the vault at URL says of itself: id, fingerprint of the owner's key (compare it with the recovery "
    "kit), members, what the store proved. It takes no secret.",
    example="rebond vault info /backup",
)
@click.argument("url", required=False)
@click.pass_obj
def info(invocation: Invocation, url: str | None) -> None:
    """Read ``vault.json`` and the newest roster; both are signed by the owner."""
    with store_at_hand(invocation, url) as store:

        def notice(finding: Finding) -> None:
            note(invocation, describe_finding(finding))

        description = read_description(store, notice=notice)
        roster = load_newest_roster(store, description.owner_verify_key, notice=notice)
        location = store.location
    promises: Mapping[str, bool] = description.store.get("promises", {})
    document = {
        "vault_id": description.vault_id.hex(),
        "location": location,
        "owner_fingerprint": description.owner_fingerprint,
        "made": format_iso(description.made_ms),
        "format": 1,
        "roster": roster.number,
        "epoch": roster.epoch,
        "members": members_document(roster),
        "promises": dict(promises),
    }
    count = sum(member.revoked_at_ms is None for member in roster.members)
    facts = [
        (tr("vault"), description.vault_id.hex()),
        (tr("place"), location),
        (tr("owner's key"), " ".join(split_hex(description.owner_fingerprint).split())),
        (tr("made"), format_moment(description.made_ms)),
        (tr("members"), str(count)),
        *((tr("store proved"), label(code, say_yes_or_no(holds))) for code, holds in promises.items()),
    ]
    answer(invocation, document, format_facts(facts))


def _warn_of_broken_promises(invocation: Invocation, proof: StoreProof) -> None:
    for promise in proof.broken:
        note(invocation, tr("The store does not keep a promise: {words}", words=tr(promise.template, **promise.values)))
