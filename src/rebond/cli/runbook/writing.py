"""From facts to a printed runbook, to files, to what the next backup saves, and to a line of the ledger."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rebond import __version__
from rebond.cli.grammar.click_words import teach_click
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import language, speak, tr
from rebond.cli.runbook.facts import gather_facts
from rebond.config.model import Loaded
from rebond.durable_files import make_directories_durably, replace_durably
from rebond.errors import RestoreError
from rebond.history.callers import find_user
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY, note_event
from rebond.language import translate
from rebond.logs.masking import mask, remember_variables
from rebond.pages.blocks import Page
from rebond.pages.html import write_html
from rebond.pages.inline import say_plainly
from rebond.pages.markdown import write_markdown
from rebond.pages.rewording import reword
from rebond.presence import is_there
from rebond.runbook.facts import Facts, HistoryFacts, VaultFacts
from rebond.runbook.gathering import NOTED_AS, newest_revision
from rebond.runbook.keeping import name_kept
from rebond.runbook.writing import list_gaps, write_runbook
from rebond.schedule.stack_folders import folder_of

MARKDOWN, HTML = ".md", ".html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A runbook in both forms.

    ``digest`` is that of what it says without its date, its revisions and the vault; ``keys_digest`` that of who holds
    which key, of the newest revision where the vault could not be opened (``is_without_vault``).
    """

    markdown: str
    html: str
    gaps: list[str]
    language: str
    digest: str
    keys_digest: str
    is_without_vault: bool
    revision: int

    def says_the_same(self, newest: Mapping[str, Any]) -> bool:
        """Say whether an earlier revision, as the ledger has it, says the same."""
        return (newest.get("digest"), newest.get("keys")) == (self.digest, self.keys_digest)


@contextmanager
def choose_language_of_page(invocation: Invocation, loaded: Loaded) -> Iterator[str]:
    """Speak the language of the page for a while: ``--lang`` and REBOND_LANG win, then the stack's, then the locale."""
    spoken = language()
    wished = loaded.configuration.stack.language
    if wished and not invocation.asked_language and not invocation.environment.get("REBOND_LANG"):
        speak(wished)
        teach_click(wished)
    try:
        yield language()
    finally:
        speak(spoken)
        teach_click(spoken)


def print_page(invocation: Invocation, loaded: Loaded, language_of_page: str) -> Printed:
    """Gather what is to be said, and print it in both forms; secrets that are known here are masked."""
    remember_variables(loaded.variables)
    facts = gather_facts(invocation, loaded, language_of_page)
    newest = newest_revision(Ledger(invocation.state_folder / HISTORY), facts.stack)
    printed = Printed(
        markdown="",
        html="",
        gaps=[],
        language=language_of_page,
        digest=_digest(facts),
        keys_digest=str(newest.get("keys", "")) if facts.vault.obstacle else _digest_keys(facts.vault),
        is_without_vault=bool(facts.vault.obstacle),
        revision=0,
    )
    revisions = facts.history.revisions
    if printed.says_the_same(newest):
        revisions = revisions[:-1]  # nothing else is said than the last time: it is the same revision, dated anew
    facts = replace(facts, history=replace(facts.history, revisions=revisions))

    def say(template: str) -> str:
        return translate(template, language_of_page)

    page = reword(write_runbook(facts), mask)  # first: what makes a value harmless changes how a secret looks
    return replace(
        printed,
        markdown=mask(write_markdown(page, say)),
        html=mask(write_html(page, say)),
        gaps=[mask(say_plainly(each, say)) for each in list_gaps(facts)],
        revision=len(revisions) + 1,
    )


def _digest(facts: Facts) -> str:
    """Return a sum of what is said, without date, revisions and runs that come and go."""
    still = replace(
        facts,
        written_ms=0,
        outputs={},
        history=HistoryFacts(drills=facts.history.drills),
        vault=VaultFacts(),
        language="en",
    )
    return hashlib.sha256(write_markdown(write_runbook(still), lambda template: template).encode()).hexdigest()


def _digest_keys(vault: VaultFacts) -> str:
    return hashlib.sha256(repr((vault.holders, vault.openers)).encode()).hexdigest()


def write_files(printed: Printed, output: Path) -> list[Path]:
    """Write the form that the name asks for, else both; what was there is replaced at once. Raises ``RestoreError``."""
    forms = {MARKDOWN: printed.markdown, HTML: printed.html}
    suffix = output.suffix.lower()
    wanted = {output: forms[suffix]} if suffix in forms else {Path(f"{output}{each}"): forms[each] for each in forms}
    for path, text in wanted.items():
        write_page(path, text)
    return list(wanted)


def write_page(path: Path, text: str) -> None:
    """Replace a file by a page. Raises ``RestoreError`` when it cannot be written."""
    try:
        replace_durably(os.fspath(path.absolute()), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise RestoreError(
            "{path} cannot be written: {reason}.",
            hint="Name another place with --output.",
            path=str(path),
            reason=error.strerror or str(error),
        ) from None


def print_markdown(page: Page, language_of_page: str) -> str:
    """Return a page as Markdown, without any secret that was looked up."""
    return mask(write_markdown(reword(page, mask), lambda template: translate(template, language_of_page)))


def keep_for_backups(invocation: Invocation, loaded: Loaded, printed: Printed) -> bool:
    """Keep the page where the next backup finds it, and write a new revision down; say whether that was possible."""
    folder = folder_of(invocation.state_folder, loaded)
    path = folder / name_kept(printed.language)
    try:
        history = invocation.state_folder / HISTORY
        stack = loaded.configuration.stack.name
        if not printed.says_the_same(newest_revision(Ledger(history), stack)):
            facts = {
                "stack": stack,
                "digest": printed.digest,
                "keys": printed.keys_digest,
                "language": printed.language,
            }
            note_event(history, NOTED_AS, {**facts, "user": find_user(), "program": f"rebond {__version__}"})
        if printed.is_without_vault and is_there(path):
            note(invocation, tr("Backups keep the earlier runbook, which could look into the vault."))
            return False
        make_directories_durably(os.fspath(path.parent))
        replace_durably(os.fspath(path), printed.markdown.encode("utf-8", "backslashreplace"))
    except OSError as error:
        reason = error.strerror or str(error)
        note(
            invocation,
            tr("No backup will hold this runbook: {path} cannot be written ({reason}).", path=path, reason=reason),
        )
        return False
    return True
