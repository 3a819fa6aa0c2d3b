"""What both guides treat, section by section, and where a runbook has to; run as a program it prints the table.

``K`` and ``P`` are the guides as the mission counts them: Korrigo's numbers, Pivori's chapters in order.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.runbook.page_of import EXAMPLES, facts_of, load

from rebond.language import translate
from rebond.pages.blocks import Block, Boxes, Commands, Contents, Grid, Heading, Notice, Output, Page, Paragraph, Points
from rebond.pages.inline import say_plainly
from rebond.runbook.writing import write_runbook

FRONT = "front"


@dataclass(frozen=True)
class Subject:
    """A section of a guide, or something in one. ``kinds`` are blocks that its place has to hold, each with content."""

    guide: str
    what: str
    places: tuple[str, ...]
    kinds: tuple[type[Block], ...]


def _treat(guide: str, what: str, places: str, *kinds: type[Block]) -> Subject:
    return Subject(guide, what, tuple(places.split()), kinds)


SUBJECTS = (
    _treat("K", "title, date, version, status", FRONT, Grid),
    _treat("K", "table of contents", FRONT, Contents),
    _treat("K1.1", "purpose", "1.1", Paragraph),
    _treat("K1.2", "what is covered, what is not", "1.2", Grid, Points, Notice),
    _treat("K1.3", "frequency, retention, priority", "1.3", Grid),
    _treat("K2.1", "access that is needed", "2.1", Points),
    _treat("K2.2", "tools and their versions", "2.3", Grid),
    _treat("K2.2", "room on the disk, twice the data", "2.1", Points),
    _treat("K2.3", "variables", "2.4", Grid),
    _treat("K3.1", "volumes that are critical", "3.1", Grid),
    _treat("K3.2", "volumes, containers, sizes", "3.1", Grid),
    _treat("K3.3", "what is secret", "3.4", Points),
    _treat("K4.1", "checklist before", "4.1", Boxes, Commands),
    _treat("K4.2", "saving the database, as one types it", "4.2", Commands, Notice),
    _treat("K4.2", "what it writes when all is well; is it good?", "4.6", Boxes, Commands),
    _treat("K4.2", "plain files, checked by gzip and zcat", "6.7", Grid),
    _treat("K4.3", "everything at once, before a migration", "4.2 4.8", Commands),
    _treat("K4.4", "methods compared, and which to take when", "4.8", Grid, Paragraph),
    _treat("K4.5", "media alone", "4.2", Commands),
    _treat("K4.6", "unattended runs, and whether they are started", "4.3", Commands, Paragraph),
    _treat("K4.7.1", "the local place", "3.2 3.3", Grid),
    _treat("K4.7.2", "places elsewhere", "3.2", Grid),
    _treat("K4.7.3", "3-2-1", "3.2", Paragraph),
    _treat("K4.8", "checklist after", "4.6", Boxes),
    _treat("K4.8", "least size, greatest age, rights, room", "4.6", Grid),
    _treat("K4.9", "who is told", "4.7", Points, Notice),
    _treat("K5", "restoring (blank in the guide)", "5.1 5.2 5.3 5.4 5.5 5.6 5.7 5.8 5.9 5.10", Commands, Boxes, Points),
    _treat("K6", "tests and validation (blank in the guide)", "6.1 6.2 6.3 6.4 6.5 6.6", Commands, Points),
    _treat("K7.1", "retention by type and place", "7.1", Grid),
    _treat("K7.1", "how often it is tried", "6.4", Grid),
    _treat("K7.2", "cleaning up, which says what goes", "7.2", Commands),
    _treat("K7.3", "legal holds", "7.3", Points, Commands),
    _treat("K8.1", "common errors, cause and remedy", "8.1", Grid),
    _treat("K8", "cases that really came", "8.2"),
    _treat("K8", "every other error", "8.3", Grid),
    _treat("K9.1", "commands that matter", "9.1", Commands, Grid),
    _treat("K9.2", "checklist of the day", "9.2", Boxes),
    _treat("K9.3", "contacts, with what they answer for", "9.3", Grid),
    _treat("K-A", "where scripts and files are", "3.3", Grid),
    _treat("K-A", "the configuration itself", "A", Output),
    _treat("K-B", "history of revisions", "B", Grid),
    _treat("P1", "layers of the stack", "3.1", Grid),
    _treat("P1", "levels: how often, where, RTO, RPO", "1.3 1.4", Grid),
    _treat("P2", "strategies 1 to 4, sizes, times, when to take which", "4.8", Grid, Paragraph),
    _treat("P3", "procedures 1 to 3: saving", "4.2", Commands),
    _treat("P3", "stopping what is not needed", "4.4"),
    _treat("P3", "procedure 4: unattended", "4.3", Commands),
    _treat("P4", "procedure 1: all of it, the old version kept", "5.4", Paragraph, Commands),
    _treat("P4", "procedure 2: a part", "5.5 5.6", Commands),
    _treat("P4", "procedure 3: a moment", "5.7", Paragraph),
    _treat("P5", "verification 1: sums", "6.1 6.7", Commands, Paragraph),
    _treat("P5", "verification 2: archives", "6.7", Grid),
    _treat("P5", "verification 3: what has to be in it", "6.3", Grid),
    _treat("P6", "RTO and RPO, promised beside measured", "1.4", Grid),
    _treat("P6", "scenario 1: a service", "5.8.1", Points, Notice),
    _treat("P6", "scenario 2: corrupted data", "5.8.2", Points, Commands, Notice),
    _treat("P6", "scenario 3: the server", "5.8.3 5.9", Points, Commands),
    _treat("P6", "scenario 4: a break-in", "5.8.4", Points, Commands, Notice),
    _treat("P7", "encryption", "3.5", Paragraph),
    _treat("P7", "decrypting what left the vault", "6.7", Grid),
    _treat("P7", "keys and passwords", "2.5", Grid, Notice),
    _treat("P7", "good practice", "3.5", Grid),
    _treat("P8", "figures and thresholds that raise an alarm", "4.9", Grid, Notice),
    _treat("P8", "messages", "4.7", Points),
    _treat("P9", "checklist before", "4.1", Boxes),
    _treat("P9", "checklist during", "4.5", Boxes),
    _treat("P9", "checklist after", "4.6", Boxes),
    _treat("P9", "regular maintenance", "9.2", Boxes, Commands),
    _treat("P9", "training the team", "6.5", Points),
    _treat("P10", "quick commands", "9.1", Grid),
    _treat("P11", "support, escalation, names (blank in the guide)", "9.3", Grid, Points),
    _treat("P", "date, version, next review", FRONT, Grid),
)
OWN = {  # headings of a runbook that neither guide has
    "1.5": "words, for whoever has never seen the tool",
    "2.2": "where one begins",
}


def find_section(page: Page, number: str) -> list[Block]:
    """Return what stands below a heading, with all below it; ``KeyError`` when there is none of this number."""
    if number == FRONT:
        return list(itertools.takewhile(lambda each: not isinstance(each, Heading), page.blocks))
    found: list[Block] = []
    level = 0  # of the heading, once it was met
    for block in page.blocks:
        if isinstance(block, Heading):
            if level and block.level <= level:
                break
            level = level or (block.level if block.number == number else 0)
        elif level:
            found.append(block)
    if not level:
        raise KeyError(number)
    return found


def has_content(block: Block) -> bool:
    """Say whether there is anything in a block."""
    match block:
        case Grid():
            return bool(block.rows)
        case Points() | Boxes():
            return bool(block.items)
        case Commands():
            return bool(block.lines)
        case Paragraph() | Notice():
            return bool(block.sentences)
        case Output():
            return bool(block.text.strip())
    return True


def find_lacks(page: Page) -> list[str]:
    """Return every subject that a page treats nowhere, or without what belongs to it."""
    lacks = []
    for each in SUBJECTS:
        try:
            blocks = [block for place in each.places for block in find_section(page, place)]
        except KeyError as error:
            lacks.append(f"{each.guide} {each.what}: no {error}")
            continue
        kinds = {type(block) for block in blocks if has_content(block)}
        missing = [kind.__name__ for kind in each.kinds if kind not in kinds]
        if missing or not kinds:
            lacks.append(f"{each.guide} {each.what}: {' '.join(each.places)} has no {', '.join(missing) or 'content'}")
    return lacks


def compare(page: Page) -> Iterator[tuple[str, str, str]]:
    """Yield the section of a guide, what it treats, and the headings of the page that treat it."""
    titles = {
        each.number: say_plainly(each.text, lambda template: translate(template, page.language))
        for each in page.blocks
        if isinstance(each, Heading)
    }
    for each in SUBJECTS:
        yield each.guide, each.what, "; ".join(f"{place} {titles.get(place, '')}".strip() for place in each.places)


if __name__ == "__main__":
    for row in compare(write_runbook(facts_of(load(EXAMPLES / "korrigo.toml")))):
        print("| " + " | ".join(row) + " |")
