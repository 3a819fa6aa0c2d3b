"""The language of what is written for others to read."""

from rebond.cli.invocation import Invocation


def choose_page_language(invocation: Invocation, of_stack: str | None) -> str | None:
    """Return the language of what is written for others: ``--lang`` and REBOND_LANG win, then the stack's."""
    is_asked = invocation.asked_language or invocation.environment.get("REBOND_LANG")
    return None if is_asked else of_stack
