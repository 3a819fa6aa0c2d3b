"""The components of a configuration whose write-ahead log is kept."""

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import UnknownName, UsageError
from rebond.stack.wal_places import find_wal_components


def choose_components(loaded: Loaded, name: str = "") -> dict[str, Postgres]:
    """Return the component of that name, or all. Raises ``UnknownName``, and ``UsageError`` where there is none."""
    if name:
        return dict([choose_component(loaded, name)])
    return find_wal_components(loaded) or dict([choose_component(loaded)])  # which says what is missing


def choose_component(loaded: Loaded, name: str = "") -> tuple[str, Postgres]:
    """Return the component of that name, or the only one. Raises ``UnknownName`` and ``UsageError``."""
    known = find_wal_components(loaded)
    if name:
        if name not in known:
            raise UnknownName(
                "No component '{name}' keeps a write-ahead log.",
                hint='Give it kind = "postgres", method = "physical" and wal = "archive-command". There are: {known}.',
                name=name,
                known=", ".join(known) or "–",
            )
        return name, known[name]
    if not known:
        raise UsageError(
            "No component of the configuration keeps a write-ahead log.",
            hint='Give one of the kind "postgres" method = "physical", and wal = "archive-command" or "receive".',
        )
    if len(known) > 1:
        raise UsageError(
            "{count} components keep a write-ahead log, and none was named.",
            hint="Name one with --component: {known}.",
            count=len(known),
            known=", ".join(known),
        )
    return next(iter(known.items()))
