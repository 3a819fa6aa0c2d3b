"""Which components belong into a vault of their own, of which class their snapshots there are, and of which level."""

from collections.abc import Mapping, Sequence

from rebond.config.components import Component
from rebond.config.model import Configuration
from rebond.operations.components import ComponentToSave


def find_apart(
    chosen: Mapping[str, Component], prepared: Mapping[str, ComponentToSave]
) -> dict[str, tuple[ComponentToSave, ...]]:
    """Return what is to be saved in other vaults than the main one, by the vault's name."""
    found: dict[str, tuple[ComponentToSave, ...]] = {}
    for name, component in chosen.items():
        if component.vault is not None:
            found[component.vault] = (*found.get(component.vault, ()), prepared[name])
    return found


def find_classes_of_apart(
    configuration: Configuration, apart: Mapping[str, Sequence[ComponentToSave]], class_name: str
) -> dict[str, str]:
    """Return the class of the snapshots in each of these vaults: the one that is for changes, where one has all.

    So a secret that a nightly run finds changed is kept as long as secrets are, and not as long as that night.
    """
    return {
        vault: find_class_of_change(configuration, {each.name for each in components}, class_name)
        for vault, components in apart.items()
    }


def find_levels_of_apart(
    configuration: Configuration, apart: Mapping[str, Sequence[ComponentToSave]], strategies: Mapping[str, str]
) -> dict[str, str]:
    """Return how hard to compress for each of these vaults: as a strategy wishes it, else as the vault does."""
    return {
        vault: "dense"
        if any(strategies.get(each.name) == "compressed" for each in components)
        else configuration.vaults[vault].level
        for vault, components in apart.items()
    }


def find_class_of_change(configuration: Configuration, names: set[str], class_name: str) -> str:
    """Return the class that saves all of these at every change; ``class_name`` where there is none."""
    fitting = (
        title
        for title, each in configuration.classes.items()
        if each.trigger == "change" and (each.takes_all or names <= {*each.components})
    )
    return next(fitting, class_name)
