"""The strategies of components of files: what each means for a vault that stores everything once."""

from collections.abc import Mapping, Sequence

from rebond.config.classes import BackupClass
from rebond.config.components import Component, Files
from rebond.findings import Finding, Severity

# what `smart` leaves out: the history, which can be cloned, logs, and what is temporary
SMART = (".git/", "logs/", ".DS_Store", "*.tmp", "*~", ".*.sw?")


def choose_strategy(component: Files, class_: BackupClass | None) -> str:
    """Return the class's strategy, else the component's own, else ``complete``."""
    return (class_.strategy if class_ else None) or component.strategy or "complete"


def find_exclusions(strategy: str) -> tuple[str, ...]:
    """Return the patterns of what a strategy leaves out."""
    return SMART if strategy == "smart" else ()


def find_strategies(components: Mapping[str, Component], class_: BackupClass | None) -> dict[str, str]:
    """Return the strategy of each component of files."""
    return {name: choose_strategy(each, class_) for name, each in components.items() if isinstance(each, Files)}


def note_strategies(strategies: Mapping[str, str]) -> Sequence[Finding]:
    """Return what is to be said of strategies that mean something else for a vault than for an archive."""
    notes = []
    if names := [name for name, each in strategies.items() if each == "compressed"]:
        notes.append(
            Finding(
                code="strategy-compressed",
                severity=Severity.NOTE,
                subject=", ".join(names),
                template="The strategy 'compressed' saves {names} completely, and the whole snapshot at the level "
                "dense.",
                values={"names": ", ".join(names)},
            )
        )
    if names := [name for name, each in strategies.items() if each == "differential"]:
        notes.append(
            Finding(
                code="strategy-differential",
                severity=Severity.NOTE,
                subject=", ".join(names),
                template="The strategy 'differential' saves {names} completely: only what changed is stored, and each "
                "snapshot comes back without any other.",
                values={"names": ", ".join(names)},
            )
        )
    return notes
