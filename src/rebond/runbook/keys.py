"""Section 2, its end: the vaults, what opens them, who holds a key, where the kit lies."""

from collections.abc import Iterator

from rebond.pages.blocks import Block, Commands, Grid, Notice, Paragraph
from rebond.pages.words import Code, Text, say
from rebond.runbook.describing import describe_role, show_moment
from rebond.runbook.facts import Facts


def write_keys(facts: Facts) -> Iterator[Block]:
    """Write the part."""
    yield Grid(
        (say("vault"), say("what it is for"), say("address"), say("opened here by")),
        [(Code(each.name), each.purpose, Code(each.address), each.opened_by) for each in facts.places],
    )
    yield from _write_warnings(facts)
    if facts.vault.holders:
        yield from _write_holders(facts)
    if facts.vault.openers:
        yield _list_openers(facts)
    yield from _write_kit()


def _write_warnings(facts: Facts) -> Iterator[Block]:
    if facts.vault.obstacle:
        yield Notice(
            (
                say("Who holds a key could not be seen when this was written: {reason}", reason=facts.vault.obstacle),
                say("`rebond key list` shows it."),
            )
        )
    if facts.vault.role and facts.vault.role != "owner":
        yield Notice(
            (
                say(
                    "**The key of this machine is a {role}'s: it can restore nothing.**",
                    role=describe_role(facts.vault.role),
                ),
                say(
                    "For every command of section 5, name the owner's key first: `REBOND_KEY_FILE` or "
                    "`REBOND_PASSPHRASE_FILE`, from the safe."
                ),
            )
        )


def _write_holders(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "The owner may do everything. A writer adds snapshots and reads none. A keeper deletes what "
                "retention lets go, and reads none."
            ),
        )
    )
    yield Grid(
        (say("member"), say("role"), say("label"), say("state")),
        [
            (
                Code(each.id),
                describe_role(each.role),
                each.label or "–",
                say("revoked {moment}", moment=show_moment(facts, each.revoked_ms))
                if each.revoked_ms
                else say("valid"),
            )
            for each in facts.vault.holders
        ],
    )


def _list_openers(facts: Facts) -> Grid:
    return Grid(
        (say("slot"), say("opens as"), say("label"), say("made")),
        [
            (
                Code(each.id),
                _describe_method(each.method),
                _describe_method(each.label) if each.label == each.method else each.label or "–",
                show_moment(facts, each.made_ms) if each.made_ms else "–",
            )
            for each in facts.vault.openers
        ],
    )


def _write_kit() -> Iterator[Block]:
    yield Notice(
        (
            say(
                "**Without a key nothing comes back.** The recovery key is in the recovery kit, on paper, in "
                "a safe away from this machine; it is kept nowhere else."
            ),
            say("Write here where the kit lies, and who may take it out: ______________________________"),
        )
    )
    yield Paragraph(
        (
            say(
                "The pages of the kit can be printed again (without the key, which only the first print had); "
                "a new recovery key is made by `rebond key add --recovery-key`:"
            ),
        )
    )
    yield Commands(("rebond key list", "rebond kit"))


def _describe_method(method: str) -> Text:
    words = {
        "passphrase": say("passphrase"),
        "recovery key": say("recovery key"),
        "key file": say("key file"),
    }
    return words.get(method, method)
