"""Reading files of rules: those of the command line, of each directory, and of Git."""

import os
import stat
from collections.abc import Callable

from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.sources.files.paths import show_path
from rebond.sources.files.patterns import Pattern, PatternSet, parse_lines

Report = Callable[[Finding], None]
Layer = tuple[PatternSet, bytes]  # the patterns, and the path from where they stand, with its closing slash

GIT = b".git"
GITIGNORE = b".gitignore"
CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_LONGEST_FILE_BYTES = 4 << 20  # a file of patterns that is longer is something else
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_exclude_file(name: str) -> list[Pattern]:
    """Read a file given with ``--exclude-from``; raises ``UsageError`` when it cannot be read."""
    try:
        with open(name, "rb") as file:
            return parse_lines(file.read(_LONGEST_FILE_BYTES), origin=name)
    except OSError as error:
        raise UsageError(
            "The file of patterns {file} cannot be read: {reason}",
            hint="Check the path given with --exclude-from.",
            file=show_path(os.fsencode(name)),
            reason=error.strerror or str(error),
        ) from error


def read_layer(directory_fd: int, name: bytes, full_path: bytes, prefix: bytes, report: Report) -> tuple[Layer, ...]:
    """Read one file of patterns; a file that cannot be read leaves nothing out, and is reported."""
    try:
        content = _read_regular(directory_fd, name, _LONGEST_FILE_BYTES)
    except OSError as error:
        report(
            Finding(
                code="rules-unreadable",
                severity=Severity.WARNING,
                subject=show_path(full_path),
                template="The rules in {path} could not be read, so nothing is left out by them: {reason}",
                hint_template="Make it a plain file that the user of the backup may read.",
                values={"path": show_path(full_path), "reason": error.strerror or str(error)},
            )
        )
        return ()
    patterns = parse_lines(content, origin=show_path(full_path))
    return ((PatternSet(patterns), prefix),) if patterns else ()


def _read_regular(directory_fd: int, name: bytes, most_bytes: int) -> bytes:
    """Read the beginning of a plain file without following a link; raises ``OSError``."""
    fd = os.open(name, _OPEN_FLAGS, dir_fd=directory_fd)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "it is no plain file")
        return os.read(fd, most_bytes)
    finally:
        os.close(fd)


def has_cache_signature(directory_fd: int) -> bool:
    """Say whether the ``CACHEDIR.TAG`` of a directory is one, and not just a file of that name."""
    try:
        return _read_regular(directory_fd, CACHE_TAG, len(CACHE_SIGNATURE)) == CACHE_SIGNATURE
    except OSError:
        return False  # not proven to be a cache: it is saved, and reported there if it cannot be read


def read_info_exclude(directory_fd: int, path: bytes, report: Report) -> tuple[Layer, ...]:
    """Read ``.git/info/exclude`` of the repository at ``path``, if there is one."""
    full_path = os.path.join(path, b".git/info/exclude")
    try:
        info_fd = os.open(b".git/info", _OPEN_FLAGS | os.O_DIRECTORY, dir_fd=directory_fd)
    except OSError:
        return ()  # a work tree or a submodule, whose .git is a file, or a repository without one
    try:
        if "exclude" not in os.listdir(info_fd):
            return ()
        return read_layer(info_fd, b"exclude", full_path, b"", report)
    finally:
        os.close(info_fd)


def read_git_above(root: bytes, report: Report) -> tuple[Layer, ...]:
    """Read the rules of the repository that ``root`` lies in, from the directories above ``root``."""
    layers: list[Layer] = []
    prefix = b""
    here = root
    while here not in (b"/", b""):
        if here != root:
            layers += _read_git_here(here, prefix, report)
        if os.path.lexists(os.path.join(here, GIT)):
            return tuple(layers)
        prefix = os.path.basename(here) + b"/" + prefix
        if prefix.startswith(b".git/"):
            return ()  # inside a .git
        here = os.path.dirname(here)
    return ()  # no repository above: its .gitignore files are nobody's


def _read_git_here(here: bytes, prefix: bytes, report: Report) -> tuple[Layer, ...]:
    try:
        fd = os.open(here, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ()  # a directory above that this user may pass but not list: Git could not read it either
    try:
        layers: tuple[Layer, ...] = ()
        if os.path.lexists(os.path.join(here, GITIGNORE)):
            layers = read_layer(fd, GITIGNORE, os.path.join(here, GITIGNORE), prefix, report)
        info = tuple((patterns, prefix) for patterns, _ in read_info_exclude(fd, here, report))
        return (*layers, *info)
    finally:
        os.close(fd)
