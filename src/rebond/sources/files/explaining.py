"""Why a path is saved or not: the same rules as in a walk, followed down to one path."""

import errno
import os
import stat
from collections.abc import Iterator

from msgspec import Struct

from rebond.errors import SourceUnreachable
from rebond.sources.files.chain import open_directory
from rebond.sources.files.excluding import Rule, Rules, Scope
from rebond.sources.files.paths import join_path, show_path
from rebond.sources.files.rule_files import Report

LINK = "symbolic link"  # the origin of a rule whose text is where the link leads: what is behind it is not entered


class Step(Struct, frozen=True, kw_only=True):
    """What became of one part of a path. ``rule`` left it out, or (negated) kept it; ``None``: no rule spoke."""

    path: bytes
    is_saved: bool
    rule: Rule | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """The verdict about a path below a root, and what was decided about each directory above it.

    ``rule`` is the deciding one, ``decided_at`` the path that it speaks of: the path itself or a
    directory above it. A path that does not exist is judged as if it did.
    """

    path: bytes
    exists: bool
    is_saved: bool
    rule: Rule | None
    decided_at: bytes
    steps: tuple[Step, ...]


def explain(
    root: bytes, path: bytes, rules: Rules, *, one_file_system: bool = False, report: Report = lambda _: None
) -> Explanation:
    """Say whether a backup of ``root`` saves ``path`` (relative to the root), and by what rule not.

    Raises ``SourceUnreachable`` when the root cannot be opened.
    """
    followed = _Descent(os.path.realpath(root), rules, one_file_system=one_file_system, report=report)
    try:
        steps = tuple(followed.run([part for part in path.split(b"/") if part]))
    finally:
        followed.close()
    last = steps[-1] if steps else Step(path=b"", is_saved=True)
    # A rule that kept a directory says nothing about what lies below it; one that dropped it does.
    return Explanation(
        path=path,
        exists=followed.exists,
        is_saved=last.is_saved,
        rule=last.rule,
        decided_at=last.path,
        steps=steps,
    )


class _Descent:
    """The way from the root down to one path."""

    def __init__(self, root: bytes, rules: Rules, *, one_file_system: bool, report: Report) -> None:
        try:
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceUnreachable(
                "{path} cannot be opened: {reason}",
                hint="Check that what it lies on is mounted and answers.",
                path=show_path(root),
                reason=os.strerror(error.errno or 0),
            ) from error
        self.exists = True
        self._rules = rules
        self._report = report
        self._device = os.fstat(self._fd).st_dev if one_file_system else None

    def run(self, parts: list[bytes]) -> Iterator[Step]:
        """Yield a step for each part, until one is left out."""
        scope = self._rules.start(os.path.realpath(b"/proc/self/fd/%d" % self._fd), self._report)
        above = b""
        for position, name in enumerate(parts):
            path = join_path(above, name)
            scope, rule = self._arrive(scope, above, name)
            if rule is not None:
                yield Step(path=path, is_saved=False, rule=rule)
                return
            status = self._look(name)
            is_directory = stat.S_ISDIR(status.st_mode) if status is not None else position + 1 < len(parts)
            rule = scope.decide(name, is_directory=is_directory)
            if (rule is None or rule.is_negated) and status is not None and self._is_too_large(status):
                rule = self._rules.size_rule()
            is_saved = rule is None or rule.is_negated
            yield Step(path=path, is_saved=is_saved, rule=rule)
            if not is_saved:
                return
            if status is not None and stat.S_ISLNK(status.st_mode) and position + 1 < len(parts):
                yield Step(path=path, is_saved=False, rule=self._stop_at_link(name, parts[position + 1 :]))
                return
            scope = scope.enter(name)
            above = path
            if position + 1 < len(parts):
                rule = self._descend(name, is_directory=is_directory)
                if rule is not None:
                    yield Step(path=join_path(above, parts[position + 1]), is_saved=False, rule=rule)
                    return

    def close(self) -> None:
        """Give the last directory back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _arrive(self, scope: Scope, path: bytes, name: bytes) -> tuple[Scope, Rule | None]:
        """Read the rules of the current directory; the rule too, if it leaves out all it holds but a marker."""
        if self._fd < 0:
            return scope, None
        names = [os.fsencode(each) for each in os.listdir(self._fd)]
        if self._rules.watched_names.isdisjoint(names):
            return scope, None
        marker = scope.find_marker(self._fd, names, ())
        if marker is not None and path:  # the walk asks no other file of such a directory
            return scope, None if name == marker else scope.marker_rule(marker)
        return scope.arrive(self._fd, path, names, (), self._report), None

    def _look(self, name: bytes) -> os.stat_result | None:
        if self._fd >= 0:
            try:
                return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            except OSError:
                pass  # judged as if it were there
        self.exists = False
        return None

    def _stop_at_link(self, name: bytes, rest: list[bytes]) -> Rule:
        """Return the rule for what lies behind a link: a walk saves the link, and does not follow it."""
        self.exists = os.path.lexists(b"/".join((b"/proc/self/fd/%d" % self._fd, name, *rest)))
        return Rule(text=show_path(os.readlink(name, dir_fd=self._fd)), origin=LINK)

    def _is_too_large(self, status: os.stat_result) -> bool:
        limit = self._rules.larger_than_bytes
        return limit is not None and stat.S_ISREG(status.st_mode) and status.st_size > limit

    def _descend(self, name: bytes, *, is_directory: bool) -> Rule | None:
        """Open the next directory; return what forbids a backup to do so."""
        if self._fd < 0 or not is_directory:
            self.exists = False
            self.close()
            return None
        try:
            fd = open_directory(name, self._fd)
        except OSError as error:
            if error.errno == errno.ENOENT:
                self.exists = False
                self.close()
                return None
            return Rule(text=os.strerror(error.errno or 0), origin="the operating system")
        self.close()
        self._fd = fd
        if self._device is not None and os.fstat(fd).st_dev != self._device:
            return Rule(text="another file system", origin="--one-file-system")
        return None
