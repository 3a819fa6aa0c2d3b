"""``rebond key``: what opens the vault, and who may work in it. All but ``list`` are the owner's."""

import sys
from pathlib import Path

import click
from msgspec.structs import replace

from rebond.cli.grammar.verbs import Later, Place, Verbs, option, verb, words_option
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note, require_consent
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import message_of, show_path, tr
from rebond.cli.output.tables import format_table
from rebond.cli.vaults.key_at_hand import find_new_passphrase
from rebond.cli.vaults.members_shown import members_document
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.clock import SystemClock
from rebond.errors import UsageError
from rebond.identifiers import MemberId
from rebond.units import format_iso, format_moment, parse_moment
from rebond.vault.creation import new_key_file
from rebond.vault.credentials import Role
from rebond.vault.key_slots import SlotSummary, add_slot, find_slot, list_slots, remove_slot
from rebond.vault.member_files import require_new_secret_file, write_secret_file
from rebond.vault.members import (
    find_member_by_label,
    issue_keeper,
    issue_writer,
    owner_credentials,
    revoke_member,
    shared_domain,
)
from rebond.vault.recovery_keys import print_recovery_key
from rebond.vault.roster import Member
from rebond.vault.slots import SlotMethod, SlotSecret, key_file_secret, recovery_key_secret

HERE = "rebond.cli.commands.key"
key = Verbs(
    "key",
    places=[
        Place(HERE, "list", "List what opens the vault, and its members."),
        Place(HERE, "add", "Let another passphrase, key file or recovery key open the vault."),
        Place(HERE, "remove", "Let a passphrase, key file or recovery key open it no more."),
        Place(HERE, "issue", "Make a writer's or a keeper's key file."),
        Place(HERE, "revoke", "Shut a writer or a keeper out."),
    ],
    later=[
        Later(
            "rotate",
            "Add another with 'rebond key add' or 'rebond key issue writer LABEL --output FILE', then take the old one "
            "away with 'rebond key remove SLOT' or 'rebond key revoke LABEL'.",
        ),
    ],
    help="List, add, remove, issue and revoke keys.",
    example="rebond key list",
)


@verb(
    "list",
    help="List the slots (what opens the vault) and the members (who may work in it).",
    example="rebond key list",
)
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Slots are shown to the owner alone; the roster is no secret."""
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        keyring = vault.opened.keyring
        slots = list_slots(vault.store, keyring) if keyring else ()
        roster = vault.opened.roster
    document = {"slots": [_slot_document(each) for each in slots], "members": members_document(roster)}
    tables = []
    if slots:
        heads = [tr("slot"), tr("kind"), tr("label"), tr("made"), ""]
        tables.append(format_table(heads, [_slot_row(each) for each in slots]))
    heads = [tr("member"), tr("role"), tr("label"), ""]
    tables.append(format_table(heads, [_member_row(each) for each in roster.members]))
    answer(invocation, document, "\n\n".join(tables))


def _slot_document(slot: SlotSummary) -> dict[str, object]:
    return {
        "id": slot.id.hex(),
        "method": slot.method,
        "label": slot.label,
        "made": format_iso(slot.made_ms) if slot.made_ms else None,
        "trusted": slot.is_trusted,
        "current": slot.is_current,
        "fault": slot.fault,
    }


def _slot_row(slot: SlotSummary) -> list[str]:
    trouble = message_of(slot.trouble) if slot.trouble is not None else ""
    remark = trouble if slot.is_trusted else tr("opens nothing")
    return [
        slot.id.hex()[:8],
        _word(slot.method),
        _word(slot.label) if slot.label == slot.method else slot.label,
        format_moment(slot.made_ms) if slot.made_ms else "",
        tr("opened with this one") if slot.is_current else remark,
    ]


def _member_row(member: Member) -> list[str]:
    return [
        member.id.hex()[:8],
        _word(member.role),
        member.label,
        tr("revoked {moment}", moment=format_moment(member.revoked_at_ms)) if member.revoked_at_ms else "",
    ]


def _word(text: str) -> str:
    """Return the reader's word for a method or a role; one that is not known stays as it is."""
    words = {
        SlotMethod.PASSPHRASE.value: tr("passphrase"),
        SlotMethod.RECOVERY_KEY.value: tr("recovery key"),
        SlotMethod.KEY_FILE.value: tr("key file"),
        Role.OWNER.value: tr("owner"),
        Role.WRITER.value: tr("writer"),
        Role.KEEPER.value: tr("keeper"),
    }
    return words.get(text, show_path(text))


@verb(
    "add",
    help="Let something else open the vault too: a new passphrase (asked for twice, or taken from "
    "REBOND_NEW_PASSPHRASE or REBOND_NEW_PASSPHRASE_FILE), a new key file, or a new recovery key, which is printed.",
    example="rebond key add --label laptop --key-file ~/laptop.key",
)
@words_option("--label", default="", metavar="NAME", help="What it is called in lists.")
@option("--key-file", type=click.Path(path_type=Path, readable=False), metavar="FILE", help="Make a key file there.")
@option("--recovery-key", "wants_recovery_key", is_flag=True, help="Make a recovery key and print it.")
@click.pass_obj
def add(invocation: Invocation, label: str, key_file: Path | None, wants_recovery_key: bool) -> None:
    """The new secret is written down before the vault trusts it."""
    if key_file and wants_recovery_key:
        raise UsageError("--key-file and --recovery-key exclude each other.", hint="Run the command once for each.")
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        keyring = vault.opened.require_keyring()
        secret, printed = _new_secret(invocation, key_file, wants_recovery_key=wants_recovery_key)
        slot, _ = add_slot(vault.store, keyring, secret, clock=SystemClock(), label=label or secret.method.value)
    document = {"slot": slot.hex(), "method": secret.method.value, "recovery_key": printed or None}
    answer(
        invocation,
        document,
        tr("Slot {slot} opens the vault now.", slot=slot.hex()[:8]) + (f"\n\n    {printed}" if printed else ""),
    )


def _new_secret(invocation: Invocation, key_file: Path | None, *, wants_recovery_key: bool) -> tuple[SlotSecret, str]:
    """Return the new secret and, for a recovery key, what has to be written down."""
    content = new_key_file()
    if key_file:
        write_secret_file(key_file, content)
        return key_file_secret(content), ""
    if wants_recovery_key:
        printed = print_recovery_key(content)
        return recovery_key_secret(printed), printed
    new = {name.replace("_NEW", ""): text for name, text in invocation.environment.items() if "REBOND_NEW_" in name}
    if not new and not sys.stdin.isatty():
        raise UsageError(
            "No new passphrase was given, and there is no terminal to ask on.",
            hint="Set REBOND_NEW_PASSPHRASE_FILE to a file with it; or add a key file or a recovery key instead.",
        )
    others = {name: text for name, text in invocation.environment.items() if not name.startswith("REBOND_PASSPHRASE")}
    return find_new_passphrase(Invocation(environment={**others, **new})), ""


@verb(
    "remove",
    help="Let a slot (its label, or the beginning of its id) open the vault no more. It cannot be the last one, nor "
    "the one that the vault was opened with.",
    example="rebond key remove laptop",
)
@click.argument("slot")
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(invocation: Invocation, slot: str, yes: bool) -> None:
    """May be run again."""
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        keyring = vault.opened.require_keyring()
        slot_id = find_slot(vault.store, keyring, slot)
        require_consent(invocation, tr("Remove slot {slot}?", slot=slot_id.hex()[:8]), is_given=yes)
        remove_slot(vault.store, keyring, slot_id)
    answer(invocation, {"slot": slot_id.hex()}, tr("Slot {slot} opens the vault no more.", slot=slot_id.hex()[:8]))


@verb(
    "issue",
    help="Make a member and write its key file. A writer adds snapshots and can read nothing; a keeper forgets, prunes "
    "and verifies, and can read nothing.",
    example="rebond key issue writer shop-server --output shop-server.key",
)
@click.argument("role", type=click.Choice(["writer", "keeper"]))
@click.argument("label")
@option(
    "--output",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    required=True,
    help="Where the key file goes.",
)
@option("--share-with", metavar="WRITER", help="Share deduplication with this writer: each can probe the other.")
@option("--protect", is_flag=True, help="Wrap the file with a passphrase (REBOND_NEW_PASSPHRASE, or asked for).")
@click.pass_obj
def issue(invocation: Invocation, role: str, label: str, output: Path, share_with: str | None, protect: bool) -> None:
    """The file is the last thing written: a member without one is harmless."""
    if output.exists():
        raise UsageError("{path} exists already.", hint="Choose another name.", path=str(output))
    require_new_secret_file(output)  # a member without a file has a name, and nobody can work with it
    clock = SystemClock()
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        keyring, roster = vault.opened.require_keyring(), vault.opened.roster
        passphrase = _new_secret(invocation, None, wants_recovery_key=False)[0] if protect else None
        if role == "writer":
            shared = shared_domain(roster, share_with) if share_with else None
            issued = issue_writer(
                vault.store, keyring, roster, label=label, clock=clock, share_domain=shared, passphrase=passphrase
            )
        elif share_with:
            raise UsageError(
                "A keeper has no deduplication to share.", hint="Leave out --share-with, or issue a writer."
            )
        else:
            issued = issue_keeper(vault.store, keyring, roster, label=label, clock=clock, passphrase=passphrase)
        write_secret_file(output, issued.content)
    document = {"member": issued.member.id.hex(), "role": role, "label": label, "file": str(output)}
    answer(
        invocation,
        document,
        tr(
            "The key file of {label} is {path}. Copy it where it is needed, then delete it here.",
            label=label,
            path=output,
        ),
    )


@verb(
    "revoke",
    help="Shut a member out: what it puts from now on counts as foreign. What it could read before, it still can.",
    example="rebond key revoke shop-server --stolen-since '2026-02-01 12:00' --yes",
)
@click.argument("label")
@option("--stolen-since", metavar="TIME", help="Rely on nothing that it stored since then.")
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(invocation: Invocation, label: str, stolen_since: str | None, yes: bool) -> None:
    """May be run again."""
    clock = SystemClock()
    since_ms = parse_moment(stolen_since, now_ms=clock.now_ms()) if stolen_since else None
    if since_ms is not None and since_ms > clock.now_ms():
        raise UsageError(
            "{text} is still to come.",
            hint="Name a moment since which the key may have been stolen.",
            text=stolen_since,
        )
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as vault:
        member = find_member_by_label(vault.opened.roster, label)
        require_consent(invocation, tr("Shut {label} out for ever?", label=member.label), is_given=yes)
        revoked = _revoke(invocation, vault, member.id, since_ms)  # another may have the same label
    answer(invocation, revoked, tr("{label} is shut out.", label=member.label))
    for each in revoked["need_new_files"]:
        told = tr(
            "{label} shared its domain and needs a new key file: rebond key issue writer NEW-LABEL --output FILE",
            label=each,
        )
        note(invocation, told)


def _revoke(invocation: Invocation, vault: VaultAtHand, member: MemberId, since_ms: int | None) -> dict[str, list[str]]:
    done = revoke_member(
        vault.store,
        vault.opened.require_keyring(),
        vault.opened.roster,
        member,
        clock=SystemClock(),
        was_stolen_since_ms=since_ms,
    )
    if invocation.recording is not None:  # the record of this run goes where the owner writes from now on
        credentials = owner_credentials(done.keyring.secrets, done.roster)
        live = replace(vault.live, roster=done.roster, credentials=credentials)
        invocation.recording.meet_vault(live, vault.store.location)
    return {
        "revoked": [member.hex()],
        "closed_domains": [domain.hex() for domain in done.closed_domains],
        "need_new_files": [each.label for each in done.need_new_files],
    }
