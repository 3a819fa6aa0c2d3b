"""Runs that do not wait for the others of their stack: a changed secret is saved beside a backup that takes hours.

They have a queue of their own. Whoever saves secrets as snapshots of their own stands in it for that moment, so that of
two runs the later snapshot holds what was read later.
"""

from collections.abc import Collection

from rebond.config.components import Secrets
from rebond.config.model import Configuration

SECRETS_LOCK = "secrets.lock"


def is_beside(configuration: Configuration, names: Collection[str], class_name: str) -> bool:
    """Say whether a run of these components saves nothing but secrets and has no hook.

    A hook may stop what another run is reading, or start what that has stopped: then runs take turns.
    """
    components = [configuration.component[name] for name in names if name in configuration.component]
    return (
        bool(components)
        and all(isinstance(each, Secrets) for each in components)
        and not _has_hooks(configuration, class_name)
    )


def _has_hooks(configuration: Configuration, class_name: str) -> bool:
    hooks = configuration.hooks
    steps = (*hooks.before, *hooks.after) if hooks else ()
    return any(not each.only_for or class_name in each.only_for for each in steps)
