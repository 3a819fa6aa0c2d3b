"""``rebond runbook``: the operations guide of this stack, written by the program that does the work."""

from pathlib import Path

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note
from rebond.cli.output.speech import tr


@verb(
    "runbook",
    help="Write the operations guide of this stack: what is saved and what is not, who holds which "
    "key, every procedure "
    "with commands that can be typed as they stand, disasters, checklists, contacts, objectives beside what was "
    "measured. FILE.md is Markdown, FILE.html one page to be printed; another name, such as "
    "guide, becomes guide.md and "
    "guide.html. It holds no secret. The next backup saves it with the configuration.",
    example="rebond runbook --output runbook\nrebond runbook --lang fr --output runbook.html",
)
@option(
    "--output",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write it there; else to standard output.",
)
@click.pass_obj
def runbook(invocation: Invocation, output: Path | None) -> int:
    """A vault that cannot be opened leaves a gap; the page says so."""
    from rebond.cli.runbook.writing import choose_language_of_page, keep_for_backups, print_page, write_files

    loaded = require_configuration(invocation)
    with choose_language_of_page(invocation, loaded) as language:
        printed = print_page(invocation, loaded, language)
        written = write_files(printed, output) if output else []
        kept = keep_for_backups(invocation, loaded, printed)
        document = {
            "language": language,
            "written": [str(each) for each in written],
            "kept": kept,
            "revision": printed.revision,
            "gaps": printed.gaps,
            "text": None if output else printed.markdown,
        }
        if output is None:
            answer(invocation, document, printed.markdown)
        else:
            answer(invocation, document, "\n".join(tr("The runbook is in {path}.", path=each) for each in written))
        for gap in printed.gaps:
            note(invocation, tr("gap: {gap}", gap=gap))
    return GOOD
