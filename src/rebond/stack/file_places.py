"""Where files, SQLite databases and secrets lie on this machine, and what a restore of one of them leaves alone."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.findings import Finding
from rebond.operations.browsing import holds_single_file
from rebond.operations.recovery.file_part import FilesPlace
from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.remembered_places import BESIDE
from rebond.operations.recovery.swapping import LiveShape
from rebond.stack.contained_places import find_landing, lay_at_root, lay_files_here, lies_inside
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.live_trees import look_at_live
from rebond.stack.mounted_places import find_host_path
from rebond.stack.places_of_others import Relocate, anchor, is_below, list_patterns
from rebond.stack.strategies import choose_strategy
from rebond.stack.wanted_paths import WantedPath, escape

_OWN = f"{BESIDE}*/"


def find_files_place(
    name: str,
    component: Component,
    loaded: Loaded,
    *,
    source: Source | None,
    relocate: Relocate,
    untouchable: Sequence[bytes] = (),
    spared: Sequence[str] = (),
    is_elsewhere: bool = False,
) -> FilesPlace:
    """Return where a component lies. Raises ``SourceUnfit`` for one that does not lie on this machine.

    ``relocate`` says where a path goes instead of its configured place; ``untouchable`` are full paths that no
    restore may move, such as the vault; ``spared`` the patterns of ``--exclude``: what fits stays as it is. With
    ``is_elsewhere`` all of it goes to another folder than its own.
    """
    place = _find_place(name, component, loaded, source, relocate, untouchable, spared)
    near = os.path.dirname(os.path.realpath(os.fsencode(loaded.root)))
    return replace(place, near=near, is_elsewhere=is_elsewhere)


def _find_place(
    name: str,
    component: Component,
    loaded: Loaded,
    source: Source | None,
    relocate: Relocate,
    untouchable: Sequence[bytes],
    spared: Sequence[str],
) -> FilesPlace:
    match component:
        case Files():
            return _find_files(name, component, loaded, source, relocate, untouchable, spared)
        case Sqlite():
            from rebond.stack.databases import ConfiguredDatabases  # noqa: PLC0415 - files alone start faster

            if lies_inside(component):
                top = find_landing(name, component, loaded).top
            else:
                top = ConfiguredDatabases(name, component, stack_root=loaded.root).top
            return FilesPlace(name=name, kind=component.kind, top=relocate(top), are_databases=True, excludes=(_OWN,))
        case Secrets() if component.path or component.paths:
            from rebond.stack.secrets import find_top  # noqa: PLC0415

            if lies_inside(component):
                top = find_landing(name, component, loaded).top
            else:
                paths = ((component.path,) if component.path else ()) + component.paths
                top, _ = find_top(os.fsencode(loaded.root), paths, is_volume=False)
            has_others = component.kubernetes is not None or component.hashicorp is not None
            return FilesPlace(
                name=name,
                kind=component.kind,
                top=relocate(top),
                inner=b"files" if has_others else b"",
                keeps_modes=True,
                excludes=("/kubernetes/", "/hashicorp/", _OWN) if has_others else (_OWN,),
            )
    raise _not_here(name, component)


def _not_here(name: str, component: Component) -> SourceUnfit:
    return SourceUnfit(
        "The component {component} of the kind {kind} does not lie in files of this machine.",
        hint="Bring it below a directory, and from there into its place: {command}",
        command=f"rebond restore SNAPSHOT {name} --to DIR",
        component=name,
        kind=component.kind,
    )


def _find_files(
    name: str,
    component: Files,
    loaded: Loaded,
    source: Source | None,
    relocate: Relocate,
    untouchable: Sequence[bytes],
    spared: Sequence[str],
) -> FilesPlace:
    stack_root, here = loaded.root, component
    if component.inside is not None or component.volume is not None:
        here, stack_root = lay_files_here(name, component, loaded)
    configured = ConfiguredFiles(name, here, stack_root=stack_root, strategy="complete")
    root = relocate(configured.root)
    if here.path and _is_single_file(name, configured.root, root, source):
        return FilesPlace(name=name, kind=component.kind, top=os.path.dirname(root), excludes=(_OWN,))
    left_alone = tuple(_list_left_alone(name, component, root, loaded, relocate, untouchable))
    strategy = _find_strategy(component, loaded, source)

    def look(top: bytes, may_matter: Callable[[bytes], bool]) -> LiveShape:
        # A path that was moved elsewhere is looked at there, by the same rules.
        moved, base = here, stack_root
        if root != configured.root:
            moved, base = lay_at_root(here, loaded), Path(os.fsdecode(top))
        apart = (*left_alone, *_read_spared(name, spared))
        files = ConfiguredFiles(name, moved, stack_root=base, strategy=strategy, excludes=apart)
        return look_at_live(top, lambda: files.make_rules(_ignore), component.one_file_system, may_matter)

    return FilesPlace(name=name, kind=component.kind, top=root, look_at_live=look, excludes=left_alone)


def _read_spared(name: str, spared: Sequence[str]) -> Iterator[str]:
    """Yield patterns of the command line as a walk of the component reads them: those may begin with its name."""
    for pattern in spared:
        yield pattern
        if pattern.lstrip("/").startswith(f"{name}/"):
            yield pattern.lstrip("/").removeprefix(name)


def _find_strategy(component: Files, loaded: Loaded, source: Source | None) -> str:
    """Return how the snapshot was made: what that left out is no part of it, and has to stay."""
    class_ = loaded.configuration.classes.get(source.record.catalog.class_) if source is not None else None
    return choose_strategy(component, class_)


def _is_single_file(name: str, configured: bytes, root: bytes, source: Source | None) -> bool:
    if os.path.isfile(root):
        return True
    if os.path.isdir(root) or source is None:
        return False
    with source.reading() as reader:
        component = next((each for each in reader.components if each.name == name), None)
        return component is not None and holds_single_file(reader, component, os.path.basename(configured))


def _list_left_alone(
    name: str, own: Files, root: bytes, loaded: Loaded, relocate: Relocate, untouchable: Sequence[bytes]
) -> Iterator[str]:
    """Yield patterns, from ``root`` on, of what belongs to other components, to the vault or to a restore."""
    yield _OWN
    for path in untouchable:
        if is_below(path, root):
            yield "/" + os.fsdecode(escape(os.path.relpath(path, root)))
    for other, component in loaded.configuration.component.items():
        if other == name or component.volume is not None:
            continue
        if component.inside is not None:  # what a container has mounted may lie in the very folder of the code
            mounted = find_host_path(component, loaded)
            yield from anchor(WantedPath(fixed=mounted), b"", root, relocate) if mounted else ()
            continue
        yield from list_patterns(component, loaded.root, root, relocate, own)


def _ignore(_finding: Finding) -> None:
    """Drop what a backup tells of the same tree."""
