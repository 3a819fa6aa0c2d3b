"""Retention as the configuration says it: one policy for each class and place."""

from rebond.config.classes import EVERYWHERE, Keep
from rebond.config.model import Loaded
from rebond.vault.retention import KeepPolicy


def find_policies(loaded: Loaded, place: str) -> dict[str, KeepPolicy]:
    """Return what each class keeps in ``place``: ``vault``, or the name of a replica or vault."""
    found = {}
    for name, class_ in loaded.configuration.classes.items():
        keep = class_.keep.get(place) or class_.keep.get(EVERYWHERE)
        if keep:
            found[name] = make_policy(keep)
    return found


def make_policy(keep: Keep) -> KeepPolicy:
    """Return a rule of the configuration as the vault knows it."""
    return KeepPolicy(
        last=keep.last,
        hourly=keep.hourly,
        daily=keep.daily,
        weekly=keep.weekly,
        monthly=keep.monthly,
        yearly=keep.yearly,
        within_ms=keep.within * 1000 if keep.within is not None else None,
        tags=frozenset(keep.tags),
        keeps_all=keep.for_ever,
        at_most_ms=keep.at_most * 1000 if keep.at_most is not None else None,
    )
