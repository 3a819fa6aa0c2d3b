"""Section 8: what the program says when something is wrong, what that means, and what to do."""

from collections.abc import Iterator

from rebond.pages.blocks import Block, Commands, Grid, Heading, Paragraph
from rebond.pages.words import Code, Sentence, say
from rebond.runbook.describing import show_moment
from rebond.runbook.error_catalogue import TROUBLES
from rebond.runbook.facts import Facts

_SEEN = 10  # of what went wrong lately here

_COMMON: tuple[tuple[Sentence, Sentence, Sentence], ...] = (
    (
        say("`Permission denied`"),
        say("Another user than the one who runs the backups, or a folder that is not his."),
        say("Become that user (2.2); `rebond doctor` names the path and the line that gives the right."),
    ),
    (
        say("`No space left on device`"),
        say("The disk of the vault, of the temporary files, or of a restore is full. Snapshots in the list are whole."),
        say("`df -h`; then 7.2 makes room in the vault. Never delete files inside the vault by hand."),
    ),
    (
        say("`docker compose: command not found`"),
        say("Only the old `docker-compose` is there, or none."),
        say("Rebond takes the one that is there. In commands of your own, write the one that `rebond doctor` names."),
    ),
    (
        say("It asks for a passphrase in the night"),
        say("The unattended run finds no key: another user, or the file is not readable for it."),
        say("The place of the key is in 2.5; `rebond doctor` as the user of the runs shows what it sees."),
    ),
    (
        say("`latest` is older than expected"),
        say("Newer snapshots are partial or degraded, or hold some components only."),
        say("`rebond snapshots` shows their state; `rebond history` says what failed in them."),
    ),
    (
        say("A restore is slow"),
        say("The vault is far away, or the processor is busy."),
        say("Restore what is needed first, component by component (5.5), in the order of priorities (1.4)."),
    ),
)


def write_troubles(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("When something goes wrong"), "8")
    yield Paragraph(
        (
            say(
                "First, always: read the two lines. The first says what happened, to what; the second, after "
                "the arrow, what to do. These look at everything at once, and at what ran:"
            ),
        )
    )
    yield Commands(("rebond doctor", "rebond history --last 10"))
    yield Heading(3, say("What comes most often"), "8.1")
    yield Grid((say("what one sees"), say("what it is"), say("what to do")), _COMMON)
    yield Heading(3, say("What went wrong here lately"), "8.2")
    yield from _write_seen(facts)
    yield Heading(3, say("Every error"), "8.3")
    yield Paragraph(
        (
            say(
                "By its code, which `--json` shows, and by its exit status, which `echo $?` shows right after "
                "a command."
            ),
        )
    )
    yield Grid(
        (say("code"), say("exit status"), say("what it means"), say("what to do")),
        [(Code(each.code), str(each.status), each.means, each.remedy) for each in TROUBLES],
    )


def _write_seen(facts: Facts) -> Iterator[Block]:
    failed = [each for each in facts.history.runs if each.error][-_SEEN:]
    if not failed:
        yield Paragraph((say("Nothing, as far as the ledger of this machine goes back."),))
        return
    yield Grid(
        (say("when"), say("run"), say("exit status"), say("code"), say("what it said")),
        [
            (
                show_moment(facts, each.began_ms),
                Code(each.kind),
                str(each.status),
                Code(each.error),
                each.message or "–",
            )
            for each in failed
        ],
    )
