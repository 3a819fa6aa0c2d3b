"""Which component saves a path that no walk of files finds: secrets, SQLite databases, files inside a container."""

import os

from msgspec import Struct

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.config.model import Loaded
from rebond.sources.files.excluding import Rule, Rules
from rebond.sources.files.patterns import parse_pattern
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.secrets import find_top
from rebond.stack.strategies import choose_strategy, find_exclusions
from rebond.stack.surroundings import address_of
from rebond.stack.wanted_inside import find_beginning, find_top_inside, want_below
from rebond.stack.wanted_paths import WantedPath


class Claim(Struct, frozen=True, kw_only=True):
    """A component that saves a path. ``below`` is where it lies in the component's tree; ``rule`` leaves it out.

    ``place`` is the container that the path is in; empty for this machine.
    """

    component: str
    kind: str
    below: bytes
    place: str = ""
    rule: Rule | None = None


def find_claims(loaded: Loaded, path: str) -> list[Claim]:
    """Return the components that save a path: one of this machine, or of a container.

    The latter is written as it is in the container, or with the container before it: ``compose:web:/app/media/x``.
    """
    here = os.path.abspath(os.fsencode(os.path.expanduser(path)))
    found = []
    for name, component in loaded.configuration.component.items():
        if component.inside is not None:
            place = str(address_of(component.inside))
            inside = path.removeprefix(f"{place}:")
            if inside.startswith("/"):
                found += _claim_inside(name, component, os.path.normpath(os.fsencode(inside)), place)
        elif component.volume is None and isinstance(component, Sqlite):
            below = ConfiguredDatabases(name, component, stack_root=loaded.root).locate(here)
            found += [Claim(component=name, kind=component.kind, below=below)] if below is not None else []
        elif component.volume is None and isinstance(component, Secrets):
            found += _claim_secrets(name, component, here, os.fsencode(loaded.root))
    return found


def _claim_secrets(name: str, component: Secrets, path: bytes, root: bytes) -> list[Claim]:
    paths = (*((component.path,) if component.path else ()), *component.paths)
    if not paths:
        return []
    top, wanted = find_top(root, paths, is_volume=False)
    if not any(fits(each, path) for each in wanted):
        return []
    has_others = component.kubernetes is not None or component.hashicorp is not None
    below = os.path.relpath(path, top)
    return [Claim(component=name, kind=component.kind, below=b"files/" + below if has_others else below)]


def fits(wanted: WantedPath, path: bytes) -> bool:
    """Say whether a path is what a path or pattern means, or lies below it."""
    if not wanted.is_pattern:
        return path == wanted.fixed or path.startswith(os.path.join(wanted.fixed, b""))
    parts = path.split(b"/")
    return any(wanted.fits(b"/".join(parts[:count])) for count in range(2, len(parts) + 1))


def _claim_inside(name: str, component: Component, path: bytes, place: str) -> list[Claim]:
    if not isinstance(component, Files | Sqlite | Secrets):
        return []
    paths = (*((component.path,) if component.path else ()), *component.paths)
    wanted = [want_below(b"", each) for each in paths]
    if not any(fits(each, path) for each in wanted):
        return []
    if not isinstance(component, Files):
        below = os.path.relpath(path, find_top_inside(b"", wanted))
        return [Claim(component=name, kind=component.kind, place=place, below=below)]
    below = os.path.relpath(path, find_beginning(b"", paths)[0])
    rule = _find_rule(name, component, below)
    return [Claim(component=name, kind=component.kind, place=place, below=below, rule=rule)]


def _find_rule(name: str, component: Files, below: bytes) -> Rule | None:
    """Return the pattern that leaves a path out. Files of patterns inside are not obeyed there either."""
    strategy = choose_strategy(component, None)
    exclusions = (*component.exclude, *component.omit, *find_exclusions(strategy))
    origin = f"component.{name}.exclude"
    parsed = (parse_pattern(os.fsencode(each), origin=origin) for each in exclusions)
    scope = Rules(patterns=[each for each in parsed if each is not None]).start(b"/", lambda _finding: None)
    parts = below.split(b"/")
    for number, part in enumerate(parts, 1):
        rule = scope.decide(part, is_directory=number < len(parts))
        if rule is not None and not rule.is_negated:
            return rule
        scope = scope.enter(part)
    return None
