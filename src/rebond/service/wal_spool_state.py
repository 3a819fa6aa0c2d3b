"""What is written down beside a spool: whose log comes there, and what a process that begins anew has to know of it."""

import itertools
import logging
import os
from pathlib import Path

import msgspec

from rebond.durable_files import fsync_directory, replace_durably
from rebond.errors import Refused, SourceUnfit
from rebond.presence import is_taken

LOG = logging.getLogger("rebond.wal")
STATE = "state.json"
_SPOILT = f"{STATE}.spoilt"


class SpoolState(msgspec.Struct, kw_only=True):
    """Whose log it is, and the newest segment of each timeline that is in the vault, for when that does not answer.

    ``before`` is the segment before the first one that came, from the beginning or behind a gap that was accepted, for
    as long as none of these is in the vault: what is lost here by then, the slot has let go, and the server may still
    have it. ``astray`` is the timeline on which the server went back to before what is saved; 0 for none.
    """

    system_id: int = 0
    segment_bytes: int = 0
    have: dict[int, int] = msgspec.field(default_factory=dict)
    before: dict[int, int] = msgspec.field(default_factory=dict)
    astray: int = 0


def load_state(folder: Path) -> SpoolState:
    """Return what was written down; nothing where there is no file. One that says nothing is kept, by another name.

    Raises ``SourceUnfit`` for one that cannot be read: it is not to be written anew then.
    """
    path = folder / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=SpoolState)
    except FileNotFoundError:
        return SpoolState()
    except OSError as error:
        raise SourceUnfit(
            "{path} cannot be read: {reason}",
            hint="Look at its disk, and at who may read it; then start the receiver again. Do not delete it: it says "
            "whether the server went back to before what is saved.",
            path=str(path),
            reason=error,
        ) from error
    except (msgspec.MsgspecError, ValueError):
        LOG.error("%s is spoilt; it is kept as %s", path, _keep_spoilt(folder))  # noqa: TRY400 - no fault of ours
        return SpoolState()


def save_state(folder: Path, state: SpoolState) -> None:
    """Write it down. Raises ``OSError``."""
    replace_durably(os.fspath(folder / STATE), msgspec.json.encode(state))


def require_no_spoilt_state(folder: Path) -> None:
    """Raise ``Refused`` as long as a file lies there that said once whether the server went back."""
    for each in sorted(folder.glob(f"{_SPOILT}*")):
        raise Refused(
            "What was written down of the log that came until now was spoilt, and is kept as {path}. It said whether "
            "the server went back to before what is saved.",
            hint="If the disk of the server was put back to an earlier moment since its log is received, bring the "
            "server back by 'rebond restore'. If it was not, delete that file: the stream goes on behind what is "
            "saved.",
            path=str(each),
        )


def _keep_spoilt(folder: Path) -> Path:
    names = itertools.chain([_SPOILT], (f"{_SPOILT}-{count}" for count in itertools.count(2)))
    path = next(path for path in map(folder.joinpath, names) if not is_taken(path))
    os.replace(folder / STATE, path)
    fsync_directory(os.fspath(folder))
    return path
