"""Where on this machine lies what lives in a container or a volume, as a restore puts it there."""

import os
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.operations.recovery.late_part import KeptInside
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.stack.mounted_places import find_mounted
from rebond.stack.wanted_inside import find_beginning, find_top_inside, want_below
from rebond.stack.wanted_paths import WantedPath, is_glob
from rebond.stack.whereabouts import find_folder, find_named_volume


class Landing(Struct, frozen=True, kw_only=True):
    """``top`` is where the tree of a component begins, ``mine`` what of it is the component's own, patterns apart.

    ``volume`` is what the engine calls the volume that it is in; empty for a folder that is mounted.
    """

    top: bytes
    mine: tuple[bytes, ...]
    volume: str = ""


def lies_inside(component: Component | None) -> bool:
    """Say whether a component has files that live in a container or a volume."""
    if component is None or (component.inside is None and component.volume is None):
        return False
    return isinstance(component, Files) or (isinstance(component, Sqlite | Secrets) and bool(paths_of(component)))


def find_landing(name: str, component: Component, loaded: Loaded) -> Landing:
    """Return where its files come to lie. Raises ``SourceError`` where that is not to be seen from here."""
    paths = paths_of(component)
    if component.volume is not None:
        place, folder = find_folder(component, loaded)
        if place.address is not None:
            raise not_mounted(name, str(place))
        wanted = [want_below(folder, each) for each in paths]
        volume, _, _ = find_named_volume(component.volume, loaded)
        return Landing(top=_find_top(component, folder, wanted), mine=_list_mine(component, wanted), volume=volume.name)
    wanted = [want_below(b"", each) for each in paths]
    top = _find_top(component, b"", wanted)
    mounted = find_mounted(os.fsdecode(top), component, loaded)
    if mounted is None:
        raise not_mounted(name, str(find_folder(component, loaded)[0]))
    mine = [os.path.join(mounted.folder, os.path.relpath(each, top)) for each in _list_mine(component, wanted)]
    return Landing(top=mounted.folder, mine=tuple(map(os.path.normpath, mine)), volume=mounted.volume)


def _find_top(component: Component, folder: bytes, wanted: list[WantedPath]) -> bytes:
    is_single = len(wanted) == 1 and not wanted[0].is_pattern
    if is_single and isinstance(component, Files):
        return wanted[0].fixed
    return find_top_inside(b"" if is_single and isinstance(component, Sqlite) else folder, wanted)


def find_top_of(component: Files | Secrets, start: bytes = b"") -> bytes:
    """Return where the tree of a component begins that lives in a container, as it is called there.

    ``start`` is the folder there that its paths begin at.
    """
    paths = paths_of(component)
    if isinstance(component, Files):
        return find_beginning(start, paths)[0]
    return find_top_inside(start, [want_below(start, each) for each in paths])


def _list_mine(component: Component, wanted: list[WantedPath]) -> tuple[bytes, ...]:
    endings = (b"", *COMPANIONS) if isinstance(component, Sqlite) else (b"",)
    return tuple(each.fixed + ending for each in wanted for ending in endings)


def paths_of(component: Component) -> tuple[str, ...]:
    """Return the paths of a component that has files: its own, or all that there is."""
    assert isinstance(component, Files | Sqlite | Secrets)  # noqa: S101 - the caller looked
    named = (*((component.path,) if component.path else ()), *component.paths)
    return named or (("/",) if isinstance(component, Files) else ())


def lay_files_here(name: str, component: Files, loaded: Loaded) -> tuple[Files, Path]:
    """Return a component of files as if it lived on this machine, and what its paths start at. Raises as above."""
    place, folder = find_folder(component, loaded)
    if place.address is None:
        here = replace(
            component,
            path=(component.path or "").lstrip("/") or ("." if not component.paths else None),
            paths=tuple(each.lstrip("/") for each in component.paths),
        )
        return here, Path(os.fsdecode(folder))
    mounted = find_mounted(component.path, component, loaded) if component.path else None
    if mounted is None:
        raise not_mounted(name, str(place))
    here = replace(component, path=os.fsdecode(mounted.folder), inside=None)
    if is_glob(os.fsencode(component.path or "")):
        return here, loaded.root
    # What is mounted is called what it is called.
    return lay_at_root(component, loaded), Path(os.fsdecode(mounted.folder))


def lay_at_root(component: Files, loaded: Loaded) -> Files:
    """Return a component whose tree is the folder that it is read from; its lists of patterns stay where they are."""
    lists = tuple(str(loaded.root / each) for each in component.exclude_from)
    return replace(component, path=".", paths=(), inside=None, exclude_from=lists)


def not_mounted(name: str, place: str) -> KeptInside:
    """Return the error for files that no folder of this machine holds."""
    return KeptInside.of(
        SourceUnfit(
            "Where the files of {component} lie on this machine is not to be seen: {place} is not there, or keeps them "
            "in itself and not in a volume.",
            hint="Let the engine make it, with compose: up -d, then run the same command again. Or bring them below a "
            "directory with --to DIR, and from there into it.",
            component=name,
            place=place,
        )
    )
