"""Components of kind ``files`` inside a container or a volume."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from rebond.config.components import Files
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.sources.files.excluding import NO_BACKUP, Rules
from rebond.sources.files.globs import translate_glob
from rebond.sources.files.patterns import parse_pattern
from rebond.sources.files.rule_files import read_exclude_file
from rebond.sources.tar.spooling import Spool, take_archive, wrap_tar
from rebond.sources.tar.tree import ArchiveTree
from rebond.stack.file_trees import ConfiguredFiles, Report, choose_only, tell_missing
from rebond.stack.strategies import find_exclusions
from rebond.stack.wanted_inside import find_beginning, list_topmost
from rebond.stack.wanted_paths import WantedPath
from rebond.stack.whereabouts import Place, find_folder


class ContainedFiles:
    """One component, ready to be walked; where its files are is found out when the walk begins.

    A volume that may be read on this machine is walked there, like any directory. Everything else comes as an
    archive, whole each time.
    """

    root = b""  # nothing on this machine to compare with

    def __init__(
        self, name: str, component: Files, loaded: Loaded, *, strategy: str, excludes: Sequence[str] = ()
    ) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self._strategy = strategy
        self._more = tuple(excludes)
        self.exclusions = (*find_exclusions(strategy), *component.exclude, *component.omit, *excludes)

    def open_tree(self, report: Report) -> Tree:
        """Find the place. Raises ``SourceError``; what comes from inside is judged when it is walked."""
        place, folder = find_folder(self._component, self._loaded)
        return self._open_here(folder, report) if place.address is None else self._open_there(place, folder, report)

    def _open_here(self, folder: bytes, report: Report) -> Tree:
        component = self._component
        lists = tuple(str(self._loaded.root / each) for each in component.exclude_from)
        inside = replace(
            component,
            path=(component.path or "").lstrip("/") or ("." if not component.paths else None),
            paths=tuple(each.lstrip("/") for each in component.paths),
            exclude_from=lists,
        )
        files = ConfiguredFiles(
            self._name, inside, stack_root=Path(os.fsdecode(folder)), strategy=self._strategy, excludes=self._more
        )
        return files.open_tree(report)

    def _open_there(self, place: Place, folder: bytes, report: Report) -> Tree:
        paths = (self._component.path,) if self._component.path else self._component.paths
        root, wanted = find_beginning(folder, paths)
        is_single = wanted == [WantedPath(fixed=root)]
        shown = f"{place}:{os.fsdecode(root)}"
        names = [b"."] if is_single else list_topmost([os.path.relpath(each.fixed, root) for each in wanted])

        def take() -> Spool:
            return take_archive(
                lambda: place.open(wrap_tar(root, names), label="tar"), place=shown, in_memory=False, report=report
            )

        def make_rules(spool: Spool) -> Rules:
            self._check_required(spool, report)
            return self._make_rules(spool, None if is_single else [each.glob_below(root) for each in wanted])

        return ArchiveTree(
            take,
            make_rules,
            name=self._name,
            place=shown,
            report=report,
            allow_empty=self._component.allow_empty,
        )

    def _make_rules(self, spool: Spool, wanted: Sequence[bytes] | None) -> Rules:
        origin, component = f"component.{self._name}", self._component
        patterns = [] if wanted is None else list(choose_only(self._find_fitting(spool, wanted), f"{origin}.paths"))
        for each in component.exclude_from:
            patterns += read_exclude_file(os.path.join(self._loaded.root, each))
        parsed = (parse_pattern(os.fsencode(each), origin=f"{origin}.exclude") for each in self.exclusions)
        patterns += [each for each in parsed if each is not None]
        return Rules(
            patterns=patterns,
            markers=(NO_BACKUP, *map(os.fsencode, component.exclude_if_present)),
            larger_than_bytes=component.larger_than,
        )

    def _find_fitting(self, spool: Spool, wanted: Sequence[bytes]) -> list[bytes]:
        """Return what fits the paths, without what lies below something that fits."""
        expressions = [
            re.compile(translate_glob(each, crosses_slashes=False) or rb"(?!)", re.DOTALL) for each in wanted
        ]
        known = {*spool.members, *(_join(path, name) for path, names in spool.members.items() for name in names)}
        found: list[bytes] = []
        for path in sorted(known - {b""}, key=lambda each: each.split(b"/")):
            is_below = bool(found) and path.startswith(found[-1] + b"/")
            if not is_below and any(each.fullmatch(path) for each in expressions):
                found.append(path)
        if not found and not self._component.allow_empty:
            raise SourceUnfit(
                "Nothing fits the paths of the component {component}.",
                hint="Check them with 'rebond config show', or say allow_empty = true.",
                component=self._name,
            )
        return found

    def _check_required(self, spool: Spool, report: Report) -> None:
        for each in self._component.require:
            path = os.path.normpath(os.fsencode(each.path)).strip(b"/")
            parent, _, name = path.rpartition(b"/")
            if path not in spool.members and name not in spool.members.get(parent, {}):
                tell_missing(each, self._name, report)


def _join(parent: bytes, name: bytes) -> bytes:
    return parent + b"/" + name if parent else name
