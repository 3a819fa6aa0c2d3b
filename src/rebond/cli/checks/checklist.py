"""Going through a checklist: what was seen, what somebody said, and how both are shown and written down."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from rebond.cli.checks.checklist_sight import take_sight
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import language, tr
from rebond.cli.runbook.facts import choose_date
from rebond.config.model import Loaded
from rebond.history.callers import find_user
from rebond.history.recording import HISTORY, note_event
from rebond.language import translate
from rebond.logs.masking import mask
from rebond.pages.blocks import Block, Box, Boxes, Page, Paragraph
from rebond.pages.inline import say_plainly
from rebond.pages.printing import make_visible
from rebond.pages.words import Code, Text, say
from rebond.runbook.answers import look
from rebond.runbook.questions import list_questions
from rebond.schedule.jobs import zone_of
from rebond.units import format_moment

NOTED_AS = "checklist"  # in the ledger
_EXAMINED = ("before", "maintenance")  # these ask the doctor
_JUDGED = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One box. ``by`` says who answered: ``program``, ``person``, or nobody."""

    code: str
    words: Text
    is_ticked: bool | None
    seen: Text
    by: str

    def document(self) -> dict[str, object]:
        """Return it for machines."""
        return {
            "code": self.code,
            "question": _plain(self.words),
            "ticked": self.is_ticked,
            "seen": _plain(self.seen) or None,
            "by": self.by or None,
        }


def go_through(invocation: Invocation, loaded: Loaded, which: str) -> list[Item]:
    """Return every box of a list with what was seen."""
    sight = take_sight(invocation, loaded, examines=which in _EXAMINED, judges=which == _JUDGED)
    items = []
    for each in list_questions(which):
        seen = look(which, each.code, sight)
        by = "" if seen.is_ticked is None else "program"
        items.append(Item(code=each.code, words=each.words, is_ticked=seen.is_ticked, seen=seen.note, by=by))
    return items


def ask_for_rest(invocation: Invocation, items: Sequence[Item]) -> list[Item]:
    """Ask for what nobody saw, on a terminal; an empty answer leaves the box open."""
    if invocation.wants_json or invocation.is_quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return list(items)
    return [each if each.is_ticked is not None else _ask(each) for each in items]


def _ask(item: Item) -> Item:
    seen = f" ({make_visible(_plain(item.seen))})" if _plain(item.seen) else ""
    yes, no = tr("y"), tr("n")
    while True:
        said = click.prompt(f"{_plain(item.words)}{seen} [{yes}/{no}/-]", default="-", show_default=False, err=True)
        word = str(said).strip().lower()[:1]
        if word == yes:
            return replace(item, is_ticked=True, by="person")
        if word == no:
            return replace(item, is_ticked=False, by="person")
        if word in {"-", ""}:
            return item


def describe(items: Sequence[Item]) -> str:
    """Return the list for a terminal."""
    marks = {True: "[x]", False: "[!]", None: "[ ]"}
    lines = []
    for each in items:
        question, seen = _plain(each.words), _plain(each.seen)
        words = tr("{question}: {seen}", question=question, seen=seen) if seen else question
        lines.append(f"{marks[each.is_ticked]} {make_visible(' '.join(words.splitlines()))}")
    return mask("\n".join(lines))


def make_page(invocation: Invocation, loaded: Loaded, which: str, items: Sequence[Item], language_of_page: str) -> Page:
    """Return the list as a page."""
    moment = format_moment(choose_date(invocation), zone_of(loaded.configuration))
    blocks: list[Block] = [
        Paragraph((say("On {moment}, by {user}.", moment=moment, user=find_user()),)),
        Boxes([Box(each.words, each.is_ticked, each.seen) for each in items]),
    ]
    name = Code(loaded.configuration.stack.name)
    return Page(say("Checklist {which} of {stack}", which=Code(which), stack=name), language_of_page, blocks)


def write_down(invocation: Invocation, loaded: Loaded, which: str, items: Sequence[Item]) -> None:
    """Write into the ledger what came of it; a ledger that cannot be written is told."""
    facts = {
        "stack": loaded.configuration.stack.name,
        "checklist": which,
        "ticked": sum(each.is_ticked is True for each in items),
        "failed": [each.code for each in items if each.is_ticked is False],
        "open": [each.code for each in items if each.is_ticked is None],
        "said": [each.code for each in items if each.by == "person" and each.is_ticked],
    }
    try:
        note_event(invocation.state_folder / HISTORY, NOTED_AS, facts)
    except OSError as error:
        reason = error.strerror or str(error)
        note(invocation, tr("The ledger cannot be written: {reason}.", reason=reason))


def _plain(text: Text) -> str:
    return say_plainly(text, lambda template: translate(template, language()))
