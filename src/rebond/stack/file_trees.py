"""Components of kind ``files``: their paths, their rules, and the tree that is walked."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rebond.config.components import Files
from rebond.config.quantities import Requirement
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.sources.files.excluding import NO_BACKUP, Rules
from rebond.sources.files.globs import translate_glob
from rebond.sources.files.patterns import Pattern, parse_pattern
from rebond.sources.files.rule_files import read_exclude_file
from rebond.sources.files.scanning import FileTree
from rebond.stack.strategies import find_exclusions
from rebond.stack.wanted_paths import WantedPath, escape, want

Report = Callable[[Finding], None]


class ConfiguredTree(FileTree):
    """A walk by configuration: what it refuses is allowed there."""

    def _refuse_empty(self, *, was_empty: bool) -> SourceUnfit:
        if was_empty:
            return SourceUnfit(
                "{path} is empty.",
                hint="Check that what belongs there is mounted; if it is meant to be empty, write allow_empty = true.",
                path=self._named,
            )
        return SourceUnfit(
            "The rules leave nothing of {path}.",
            hint="See 'rebond explain PATH' for one of its files; if that is meant, write allow_empty = true.",
            path=self._named,
        )


class ConfiguredFiles:
    """One component, ready to be walked. ``root`` is where its tree begins."""

    def __init__(
        self, name: str, component: Files, *, stack_root: Path, strategy: str, excludes: Sequence[str] = ()
    ) -> None:
        self._name = name
        self._component = component
        self._stack_root = stack_root
        self._excludes = (*find_exclusions(strategy), *component.exclude, *component.omit, *excludes)
        self._wanted = [want(os.fsencode(stack_root), os.fsencode(each)) for each in _paths_of(component)]
        self.root = self._find_root()

    @property
    def exclusions(self) -> tuple[str, ...]:
        """The patterns by which something is left out."""
        return self._excludes

    @property
    def one_file_system(self) -> bool:
        """Whether what is mounted below the root is left out."""
        return self._component.one_file_system

    def open_tree(self, report: Report) -> Tree:
        """Begin a walk. Raises ``SourceUnfit`` without a required path, ``SourceUnreachable`` without a root."""
        self._check_required(report)
        component = self._component
        return ConfiguredTree(
            self.root,
            self.make_rules(report),
            one_file_system=component.one_file_system,
            report=report,
            allow_empty=component.allow_empty,
        )

    def _find_root(self) -> bytes:
        if len(self._wanted) == 1 and not self._wanted[0].is_pattern:
            return self._wanted[0].fixed
        fixed = [each.fixed for each in self._wanted]
        stack_root = os.path.normpath(os.fsencode(self._stack_root))
        if all(each == stack_root or each.startswith(os.path.join(stack_root, b"")) for each in fixed):
            return stack_root
        return os.path.commonpath(fixed)

    @property
    def is_one_path(self) -> bool:
        """Whether the tree is what one path names, and not what several, or a pattern, choose below ``root``."""
        return self._wanted == [WantedPath(fixed=self.root)]

    def make_rules(self, report: Report) -> Rules:
        """Return what is left out, by everything that the configuration says. Raises ``UsageError``."""
        component = self._component
        origin = f"component.{self._name}"
        patterns = [] if self.is_one_path else self._choose_wanted(f"{origin}.paths", report)
        for each in component.exclude_from:
            patterns += read_exclude_file(os.path.join(self._stack_root, each))
        parsed = (parse_pattern(os.fsencode(each), origin=f"{origin}.exclude") for each in self._excludes)
        patterns += [each for each in parsed if each is not None]
        return Rules(
            patterns=patterns,
            markers=(NO_BACKUP, *map(os.fsencode, component.exclude_if_present)),
            reads_gitignore=component.gitignore,
            larger_than_bytes=component.larger_than,
        )

    def _choose_wanted(self, origin: str, report: Report) -> list[Pattern]:
        """Return patterns that leave out everything but the paths, and have no opinion about what lies below them."""
        found = sorted({path for each in self._wanted for path in expand(self.root, each, report)})
        if not found and not self._component.allow_empty:
            raise SourceUnfit(
                "Nothing fits the paths of the component {component}.",
                hint="Check them with 'rebond config show', or say allow_empty = true.",
                component=self._name,
            )
        kept = [each for each in found if not any(each.startswith(other + b"/") for other in found)]
        return list(choose_only(kept, origin))

    def _check_required(self, report: Report) -> None:
        base = self.root if self.is_one_path else os.fsencode(self._stack_root)
        for each in self._component.require:
            if not os.path.lexists(os.path.join(base, os.fsencode(each.path))):
                tell_missing(each, self._name, report)


def _paths_of(component: Files) -> tuple[str, ...]:
    return (component.path,) if component.path else component.paths


def expand(root: bytes, wanted: WantedPath, report: Report) -> Iterator[bytes]:
    """Yield what is wanted below ``root``, relative to it.

    ``**`` is any number of directories; links are not entered; directories that cannot be read are reported.
    Nothing is sought below what fits. A path that is no pattern is yielded whether it is there or not.
    """
    if not wanted.is_pattern:
        yield os.path.relpath(wanted.fixed, root)
        return
    yield from _descend(root, b"", wanted.glob_below(root).split(b"/"), report)


def _descend(root: bytes, here: bytes, parts: Sequence[bytes], report: Report) -> Iterator[bytes]:
    if not parts:
        yield here
        return
    part, rest = parts[0], parts[1:]
    names = list(_list(os.path.join(root, here), report))
    if part == b"**":
        fits = set(_descend(root, here, rest, report)) if rest else set()
        yield from sorted(fits)
        for name, is_directory in names:
            below = os.path.join(here, name)
            if is_directory and below not in fits:
                yield from _descend(root, below, parts, report)
        return
    expression = translate_glob(part, crosses_slashes=False)
    for name, is_directory in names:
        if expression is not None and re.fullmatch(expression, name, re.DOTALL) and (is_directory or not rest):
            yield from _descend(root, os.path.join(here, name), rest, report)


def _list(directory: bytes, report: Report) -> list[tuple[bytes, bool]]:
    """Return names, sorted, and whether each is a directory and no link. Reports what cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return sorted((each.name, each.is_dir(follow_symlinks=False)) for each in entries)
    except (FileNotFoundError, NotADirectoryError):  # it went away, or nothing was ever there: then nothing fits
        return []
    except OSError as error:
        report(
            Finding(
                code="unreadable",
                severity=Severity.WARNING,
                subject=os.fsdecode(directory),
                template="{path} could not be searched for what is to be saved: {reason}",
                hint_template="Run the backup as a user who may read it.",
                values={"path": os.fsdecode(directory), "reason": error.strerror or str(error)},
            )
        )
        return []


def choose_only(paths: Sequence[bytes], origin: str) -> Iterator[Pattern]:
    """Yield patterns, in their order, that leave out everything but ``paths`` and what leads there."""
    kept: dict[bytes, set[bytes]] = {b"": set()}
    for path in paths:
        parts = path.split(b"/")
        for depth in range(len(parts)):
            kept.setdefault(b"/".join(parts[:depth]), set()).add(parts[depth])
    for directory in sorted(kept, key=lambda each: (each.count(b"/") if each else -1, each)):
        above = b"/" + escape(directory) + b"/" if directory else b"/"
        for text in (above + b"*", *(b"!" + above + escape(name) for name in sorted(kept[directory]))):
            pattern = parse_pattern(text, origin=origin)
            if pattern is not None:
                yield pattern


def tell_missing(required: Requirement, component: str, report: Report) -> None:
    """Raise ``SourceUnfit`` because a path is not there that has to be; where that is no fault, report it."""
    values = {"path": required.path, "component": component}
    if required.is_fatal:
        raise SourceUnfit(
            "{path} is not there, and the component {component} requires it.",
            hint="Bring it back, or take it out of 'require'.",
            **values,
        )
    report(
        Finding(
            code="required-missing",
            severity=Severity.WARNING,
            subject=required.path,
            template="{path} is not there, and the component {component} requires it.",
            hint_template="Bring it back, or take it out of 'require'.",
            values=values,
        )
    )
