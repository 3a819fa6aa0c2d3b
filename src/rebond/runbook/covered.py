"""Which components are saved, which come back in another way, and which this version can put in their place itself."""

from collections.abc import Mapping

from rebond.config.components import Component, Ephemeral, Files, Postgres, Regenerable, Secrets, Sqlite, Versioned
from rebond.runbook.facts import Facts
from rebond.stack.planning import find_obstacle

_NOT_SAVED = (Regenerable, Ephemeral, Versioned)


def is_saved(name: str, component: Component) -> bool:
    """Say whether a component's data is in the snapshots."""
    return not isinstance(component, _NOT_SAVED) and find_obstacle(name, component) is None


def list_saved(facts: Facts) -> Mapping[str, Component]:
    """Return the components whose data is in the snapshots, by name."""
    return {name: each for name, each in facts.configuration.component.items() if is_saved(name, each)}


def list_unsavable(facts: Facts) -> list[str]:
    """Return the components that are to be saved, and that this version cannot save."""
    components = facts.configuration.component
    return [name for name, each in components.items() if find_obstacle(name, each) is not None]


def find_first(facts: Facts) -> str | None:
    """Return the first component that lies in the main vault: an example for commands that need one."""
    return next((name for name, each in list_saved(facts).items() if not each.vault), None)


def list_physical(facts: Facts) -> list[str]:
    """Return the databases whose write-ahead log is kept: any second within their window can be reached."""
    components = facts.configuration.component
    return [name for name, each in components.items() if isinstance(each, Postgres) and each.wal is not None]


def list_without_log(facts: Facts) -> list[str]:
    """Return those of them of which no moment can be reached, as far as the key of this machine may look."""
    if facts.vault.role != "owner" or not facts.vault.snapshots:
        return []
    reached = {each.component for each in facts.vault.reachable}
    components = facts.configuration.component
    return [name for name in list_physical(facts) if name not in reached and not components[name].vault]


def can_go_in_place(facts: Facts, name: str, component: Component) -> bool:
    """Say whether the plan of a restore in place takes this component."""
    if not facts.offered.has("restore", "--in-place") or component.vault or not is_saved(name, component):
        return False
    if isinstance(component, Postgres) and component.method != "physical":
        return True
    if component.inside is not None or component.volume is not None:
        return False
    if isinstance(component, Postgres):
        return component.data_directory is not None  # a plan has to know where it lies on this machine
    has_paths = bool(getattr(component, "path", None) or getattr(component, "paths", ()))
    return isinstance(component, Files | Sqlite | Secrets) and has_paths
