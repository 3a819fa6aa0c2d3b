"""Section 9 and what is attached: commands, daily checklists, whom to call, the configuration, earlier runbooks."""

from collections.abc import Iterator

from rebond.config.model import Contact
from rebond.pages.blocks import Block, Boxes, Commands, Grid, Heading, Notice, Output, Paragraph, Points
from rebond.pages.words import Code, Sentence, Text, say
from rebond.runbook.access import list_first_lines
from rebond.runbook.describing import conceal, show_moment
from rebond.runbook.facts import Facts
from rebond.runbook.questions import list_questions, write_open_boxes

BLANK = "…………………………"  # for a pen
REVISIONS = 12  # of those before that are shown

_ESSENTIAL: tuple[tuple[str, Sentence], ...] = (
    ("rebond backup", say("save everything now")),
    ("rebond snapshots", say("what can be restored")),
    ("rebond restore latest --to DIR", say("bring all of the newest back, beside")),
    ("rebond restore SNAPSHOT COMPONENT --to DIR", say("bring one component of one snapshot back, beside")),
    ("rebond ls SNAPSHOT COMPONENT -l", say("what is in it")),
    ("rebond find PATTERN", say("every version of a file")),
    ("rebond verify --read-data", say("can every byte be read back?")),
    ("rebond doctor", say("what is wrong, and what mends it")),
    ("rebond history", say("what ran, and how it ended")),
    ("rebond schedule show", say("what runs when")),
    ("rebond pause --reason WHY", say("let nothing run by itself")),
    ("rebond checklist maintenance", say("the list of the week")),
)
_LATER: tuple[tuple[str, Sentence], ...] = (
    ("rebond drill", say("prove that it comes back, and measure")),
    ("rebond status", say("objectives beside facts")),
    ("rebond recover URL", say("on a bare machine")),
    ("rebond export SNAPSHOT COMPONENT --format zip --output FILE", say("one file that stock tools read")),
)


def write_reference(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("In short"), "9")
    yield Heading(3, say("The commands that matter"), "9.1")
    yield Commands(list_first_lines(facts))
    later = [each for each in _LATER if facts.offered.has(each[0].split()[1])]
    yield Grid(
        (say("command"), say("what it does")), [(Code(command), words) for command, words in (*_ESSENTIAL, *later)]
    )
    yield Paragraph(
        (say("Any of them explains itself in the language of your choice: `rebond restore --help --lang fr`."),)
    )
    yield Heading(3, say("Every day, and every week"), "9.2")
    yield Paragraph((say("**Every day**"),))
    yield Boxes(write_open_boxes(list_questions("daily")))
    yield Paragraph((say("**Every week or month**; the command ticks what can be seen:"),))
    yield Boxes(write_open_boxes(list_questions("maintenance")))
    yield Commands(("rebond checklist maintenance",))
    yield Heading(3, say("Whom to call"), "9.3")
    yield from _write_contacts(facts.configuration.contact)
    yield from _write_annexes(facts)


def _write_contacts(contacts: tuple[Contact, ...]) -> Iterator[Block]:
    if contacts:
        rows: list[tuple[Text, ...]] = [(each.role, conceal(each.to), each.purpose or "–", BLANK) for each in contacts]
    else:
        yield Notice(
            (
                say(
                    "The configuration names nobody: write `[[contact]]` with `role`, `to` and `for`. Until then, "
                    "by hand:"
                ),
            )
        )
        rows = [
            (say("who decides"), BLANK, "", BLANK),
            (say("who knows the machine"), BLANK, "", BLANK),
            (say("who knows the data"), BLANK, "", BLANK),
        ]
    yield Grid((say("role"), say("reached at"), say("what for"), say("name and telephone, by hand")), rows)
    yield Paragraph((say("**Escalation**, when nobody is reached or time runs out:"),))
    yield Points(
        (
            say("at once: whoever is on duty works by section 5.8, and writes the time of every step down"),
            say("after 15 minutes, or when a decision on lost work is to be taken: the first of the list"),
            say("when the objective of 1.4 is going to be missed: everybody of the list, and the users are told"),
            say(
                "a break-in, or a secret that is public: at once the one for security, and the law's hours "
                "for personal data run"
            ),
        ),
        is_numbered=True,
    )


def _write_annexes(facts: Facts) -> Iterator[Block]:
    yield Heading(2, say("The configuration"), "A")
    yield Paragraph(
        (say("As it is on this machine; what looks like a secret is left out. It lies in every snapshot too."),)
    )
    for path, text in facts.files.items():
        yield Paragraph((Code(path),))
        yield Output(conceal(text))
    yield Heading(2, say("Revisions"), "B")
    rows: list[tuple[Text, ...]] = [
        (show_moment(facts, each.written_ms), each.user, each.program, each.reason or "–")
        for each in facts.history.revisions[-REVISIONS:]
    ]
    rows.append((show_moment(facts, facts.written_ms), facts.machine.user, facts.machine.program, say("this one")))
    yield Grid((say("written"), say("by"), say("program"), say("why")), rows)
