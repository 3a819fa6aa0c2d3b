"""Whether the configuration of now names other servers than those that a restore in place began with."""

import os
from collections.abc import Collection
from pathlib import Path

from rebond.cli.configuration.at_hand import find_usable
from rebond.cli.in_place.runs import BegunRun, find_kept_configuration
from rebond.cli.invocation import Invocation
from rebond.config.components import Component, Postgres
from rebond.config.loading import load_configuration, refresh_variables
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.operations.recovery.carrying_out import Means
from rebond.operations.recovery.file_part import FilePart
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.moved_servers import Moved, settle
from rebond.operations.recovery.server_part import ServerPart
from rebond.progress import Observer


def find_moved(invocation: Invocation, journal: Journal, begun: BegunRun, means: Means) -> list[Moved]:
    """Return the parts whose server is another one by now, by the words of the configuration."""
    parts = {name: each for name, each in means.parts.items() if isinstance(each, ServerPart)}
    if not parts or begun.wish.to:
        return []
    kept = find_kept_configuration(journal)
    now, path = _find_now(invocation, begun, kept)
    places = {each.name: each.place for each in begun.plan.parts}
    found = [
        _compare(each, places[name], begun.loaded, now or begun.loaded, kept, came_back=_is_put(path, journal, means))
        for name, each in parts.items()
    ]
    return [each for each in found if each is not None]


def settle_servers(
    moved: Collection[Moved], run: str, *, way: str, lost: Collection[str] = (), observer: Observer
) -> None:
    """Let each part that is not ``lost`` work where its things lie, and tell it. Raises ``Refused``."""
    for each in moved:
        if each.part.name not in lost and (finding := settle(each, run=run, way=way)) is not None:
            observer.noticed(finding)


def _find_now(invocation: Invocation, begun: BegunRun, kept: Path) -> tuple[Loaded | None, Path]:
    """Return the configuration at hand, else the one in the place of that which the run began with."""
    stack = begun.loaded.configuration.stack.name
    path = begun.loaded.root / kept.name
    at_hand = find_usable(invocation)
    if at_hand is not None and at_hand.configuration.stack.name == stack:
        return at_hand, Path(at_hand.files[0]) if at_hand.files else path
    try:
        found = load_configuration(path, invocation.environment).loaded
    except RebondError:
        return None, path
    return (found, path) if found is not None and found.configuration.stack.name == stack else (None, path)


def _is_put(path: Path, journal: Journal, means: Means) -> bool:
    """Say whether a file lies in what the run has put there."""
    tops = [
        os.fsdecode(each.place.top)
        for name in journal.begun_parts()
        if isinstance(each := means.parts.get(name), FilePart)
    ]
    return any(path.absolute().is_relative_to(top) for top in tops)


def _compare(part: ServerPart, then: str, begun: Loaded, now: Loaded, kept: Path, *, came_back: bool) -> Moved | None:
    from rebond.stack.database_targets import describe_home, may_be_home, target_of_component
    from rebond.stack.server_starting import find_starter

    def describe(loaded: Loaded, component: Component | None) -> str:
        return describe_home(part.name, component, loaded) if isinstance(component, Postgres) else ""

    before = describe(begun, begun.configuration.component.get(part.name))
    component = now.configuration.component.get(part.name)
    home = describe(now, component)
    if not isinstance(component, Postgres) or may_be_home(then, part.name, component, home):
        return None
    return Moved(
        part=part,
        then=then,
        now=home,
        find_target=lambda: target_of_component(part.name, component, refresh_variables(now, os.environ)),
        find_starter=lambda: find_starter(component, refresh_variables(now, os.environ)),
        finds_then=before == then,
        came_back=came_back,
        kept=str(kept),
    )
