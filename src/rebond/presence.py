"""What lies under a name, for those to whom "nobody can tell" is not "no".

A disk with errors and a folder that may not be entered hide what is there. ``pathlib`` says of them, from Python 3.14
on, that there is nothing; ``os.path`` always did.
"""

import errno
import os
import stat

_NOTHING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

AnyPath = str | bytes | os.PathLike[str]


def is_there(path: AnyPath) -> bool:
    """Say whether there is something where ``path`` leads. Raises ``OSError`` where nobody can tell."""
    return _look(path) is not None


def is_folder(path: AnyPath) -> bool:
    """Say whether ``path`` leads to a directory. Raises ``OSError`` where nobody can tell."""
    mode = _look(path)
    return mode is not None and stat.S_ISDIR(mode)


def is_file(path: AnyPath) -> bool:
    """Say whether ``path`` leads to a regular file. Raises ``OSError`` where nobody can tell."""
    mode = _look(path)
    return mode is not None and stat.S_ISREG(mode)


def is_taken(path: AnyPath) -> bool:
    """Say whether a name is taken, by a link to nothing too. Raises ``OSError`` where nobody can tell."""
    return _look(path, follows=False) is not None


def _look(path: AnyPath, *, follows: bool = True) -> int | None:
    try:
        return os.stat(path, follow_symlinks=follows).st_mode
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise
