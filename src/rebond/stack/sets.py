"""What makes components one set: which belong together, which are databases, with what their sizes are compared."""

import os
from collections.abc import Collection

from msgspec.structs import replace

from rebond.config.classes import BackupClass
from rebond.config.components import (
    NOTHING_TO_SAVE,
    Command,
    Component,
    Django,
    Files,
    Mysql,
    Postgres,
    Redis,
    Sqlite,
    Versioned,
)
from rebond.config.model import Configuration, Loaded
from rebond.operations.components import ComponentToSave, Moment
from rebond.stack.strategies import choose_strategy

DATABASES = (Sqlite, Command, Mysql, Redis, Postgres)  # the output of a command may be a dump
BESIDE_THE_SET = (*NOTHING_TO_SAVE, Versioned, Django)  # no data, or a second form of a database


def find_set(configuration: Configuration) -> frozenset[str]:
    """Return the components that a whole set has: all that hold data and go into the main vault."""
    return frozenset(
        name
        for name, each in configuration.component.items()
        if not isinstance(each, BESIDE_THE_SET) and each.vault is None
    )


def find_lacking(configuration: Configuration, chosen: Collection[str]) -> tuple[str, ...]:
    """Return what the chosen components lack of the whole set, in the order of the configuration."""
    whole = find_set(configuration)
    return tuple(name for name in configuration.component if name in whole and name not in chosen)


def find_usual_class(configuration: Configuration) -> str:
    """Return the one class with a schedule that saves the whole set; empty where there is none, or more than one."""
    whole = find_set(configuration)
    fitting = [
        name
        for name, each in configuration.classes.items()
        if each.schedule and (each.takes_all or whole <= {*each.components})
    ]
    return fitting[0] if len(fitting) == 1 else ""


def read_configuration(loaded: Loaded) -> dict[str, bytes]:
    """Return the files of the configuration by their paths below the first one's folder, or else by their full paths.

    They name their secrets and hold none: the configuration would not have been accepted.
    """
    folder = loaded.files[0].absolute().parent
    found = {}
    for path in loaded.files:
        full = path.absolute()
        name = full.relative_to(folder) if full.is_relative_to(folder) else full
        found[os.fsencode(name).decode(errors="backslashreplace")] = full.read_bytes()
    return found


def finish_component(
    prepared: ComponentToSave, component: Component, class_name: str, configuration: Configuration
) -> ComponentToSave:
    """Say what is the same for every kind: whether it is a database, and with what its size is compared."""
    moment = prepared.moment
    if moment is Moment.NONE and isinstance(component, DATABASES):
        moment = Moment.WHEN_OPENED if isinstance(component, Postgres) else Moment.WHEN_READ
    compared_with: tuple[str, ...] = ()
    if component.expect and component.expect.shrink:
        compared_with = _find_comparable(component, class_name, configuration)
    is_looked_at_twice = isinstance(component, Files)  # those in a container too: each look is an archive of its own
    return replace(prepared, moment=moment, compared_with=compared_with, is_looked_at_twice=is_looked_at_twice)


def _find_comparable(component: Component, class_name: str, configuration: Configuration) -> tuple[str, ...]:
    """Return the classes, ``""`` for none, that save a component by the same strategy: else it is another size."""
    classes: dict[str, BackupClass | None] = {"": None, **configuration.classes}
    if not isinstance(component, Files):
        return tuple(classes)
    own = choose_strategy(component, classes.get(class_name))
    return tuple(name for name, each in classes.items() if is_alike(choose_strategy(component, each), own))


def is_alike(one: str, other: str) -> bool:
    """Say whether two strategies save the same files: only ``smart`` leaves some out."""
    return (one == "smart") == (other == "smart")
