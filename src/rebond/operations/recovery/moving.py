"""Moving things between the live tree, the new one and the old one, so that a move that was cut can be gone on with."""

import errno
import hashlib
import os
import shutil
import stat

from rebond.durable_files import rename_unless_exists

TEMPORARY_END = b".rebond-moving"  # of a copy that has not its name yet
_LEAVING = b".rebond-leaving-"  # in the name of an original whose copy is whole; after it, where that belongs
_LEAVING_DIGITS = 8
_MOST_NAME_BYTES = 255 - len(_LEAVING) - _LEAVING_DIGITS  # of what gets another name on the way
_BEGINNING_BYTES, _NAME_DIGITS = 200, 16  # that stand for a longer one


class Mover:
    """The calls that move. Tests hand in one that is cut."""

    def rename(self, source: bytes, target: bytes) -> None:
        """Give a thing another name."""
        os.rename(source, target)


MOVER = Mover()


def move(source: bytes, target: bytes, mover: Mover = MOVER) -> None:
    """Move whatever lies at ``source`` to ``target``, where nothing may lie; to another file system by a copy.

    After a cut anywhere the same call goes on; when it has returned once, another does nothing.
    Raises ``OSError``, ``FileExistsError`` among them.
    """
    finish(source, target, mover)
    if not os.path.lexists(source):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    try:
        mover.rename(source, target)
    except PermissionError:
        _rename_closed(source, target, mover)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_across(source, target, mover)


def finish(source: bytes, target: bytes, mover: Mover = MOVER) -> None:
    """Bring to its end what a move left that was cut when its copy was whole. Raises ``OSError``.

    What has come to lie at ``source`` or ``target`` since is somebody else's and stays; where that keeps the copy from
    its name, the original gets back its own.
    """
    leaving, temporary = _name_leaving(source, target), _name_temporary(target)
    if not os.path.lexists(leaving):
        return
    if os.path.lexists(temporary) and not os.path.lexists(target):
        mover.rename(temporary, target)
    if os.path.lexists(temporary) or not os.path.lexists(target):
        rename_unless_exists(leaving, source)
        return
    os.sync()
    _remove(leaving)


def remove_half(target: bytes) -> None:
    """Remove a copy that was cut before it was whole; its original has kept its name. Raises ``OSError``."""
    if os.path.lexists(_name_temporary(target)):
        _remove(_name_temporary(target))


def strip_trace(name: bytes) -> bytes:
    """Return the name of what is moved for one that a move gave it on the way; of a long one, what stands for it.

    With what stands for it a move that was cut is gone on with too: nothing is lost but the end of the name.
    """
    return name.partition(_LEAVING)[0].removesuffix(TEMPORARY_END)


def _name_leaving(source: bytes, target: bytes) -> bytes:
    digits = hashlib.sha256(_shorten(target)).hexdigest()[:_LEAVING_DIGITS]
    return _shorten(source) + _LEAVING + digits.encode()


def _name_temporary(target: bytes) -> bytes:
    return _shorten(target) + TEMPORARY_END


def _shorten(path: bytes) -> bytes:
    """Return a path to which an ending can be added: a file system takes names of 255 bytes."""
    folder, name = os.path.split(path)
    if len(name) <= _MOST_NAME_BYTES:
        return path
    beginning = name[:_BEGINNING_BYTES].decode(errors="ignore").encode()  # some take no half characters
    return os.path.join(folder, beginning + b"~" + hashlib.sha256(name).hexdigest()[:_NAME_DIGITS].encode())


def _rename_closed(source: bytes, target: bytes, mover: Mover) -> None:
    """Rename a directory of ours that may not be written to: where it lies is written in it, so it has to be open."""
    status = os.lstat(source)
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IWUSR or status.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source)
    os.chmod(source, stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
    there = source
    try:
        mover.rename(source, target)
        there = target
    finally:
        os.chmod(there, stat.S_IMODE(status.st_mode))


def _copy_across(source: bytes, target: bytes, mover: Mover) -> None:
    remove_half(target)
    _copy(source, _name_temporary(target), {})
    os.sync()
    os.rename(source, _name_leaving(source, target))  # from here on the copy is the one that counts
    finish(source, target, mover)


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _copy(source: bytes, target: bytes, seen: dict[tuple[int, int], bytes]) -> None:
    """Copy a thing with all that it is; a file with several names stays one file."""
    status = os.lstat(source)
    identity = (status.st_dev, status.st_ino)
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            _copy(os.path.join(source, name), os.path.join(target, name), seen)
    elif identity in seen:
        os.link(seen[identity], target, follow_symlinks=False)
        return
    elif stat.S_ISREG(status.st_mode):
        shutil.copyfile(source, target)
    elif stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
    else:
        os.mknod(target, status.st_mode, status.st_rdev)
    if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
        seen[identity] = target
    if os.geteuid() == 0:
        os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    shutil.copystat(source, target, follow_symlinks=False)
