"""``rebond checklist``: what can be seen is ticked, the rest is asked."""

from pathlib import Path

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.output.speech import tr


@verb(
    "checklist",
    help="Go through the list before, during or after a backup, or that of regular maintenance: what can be seen is "
    "ticked, the rest is asked on a terminal and stays an open box without one. What came of it is written into the "
    "ledger. Ends with 0 when every box is ticked, else with 3.",
    example="rebond checklist before\nrebond checklist maintenance --output maintenance.md",
)
@click.argument("which", type=click.Choice(("before", "during", "after", "maintenance")))
@option(
    "--output", type=click.Path(path_type=Path, readable=False), metavar="FILE", help="Write it there too, as Markdown."
)
@click.pass_obj
def checklist(invocation: Invocation, which: str, output: Path | None) -> int:
    """Look, ask, write down."""
    from rebond.cli.checks.checklist import ask_for_rest, describe, go_through, make_page, write_down
    from rebond.cli.runbook.writing import choose_language_of_page, print_markdown, write_page

    loaded = require_configuration(invocation)
    with choose_language_of_page(invocation, loaded) as language:
        items = ask_for_rest(invocation, go_through(invocation, loaded, which))
        if output:
            write_page(output, print_markdown(make_page(invocation, loaded, which, items, language), language))
        write_down(invocation, loaded, which, items)
        ticked = sum(each.is_ticked is True for each in items)
        document = {
            "checklist": which,
            "ok": ticked == len(items),
            "items": [each.document() for each in items],
            "written": str(output) if output else None,
        }
        answer(invocation, document, describe(items))
        note(invocation, tr("{ticked} of {count} are ticked.", ticked=ticked, count=len(items)))
    return GOOD if ticked == len(items) else DOUBTFUL
