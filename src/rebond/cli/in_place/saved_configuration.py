"""The configuration of a stack as it lies in a snapshot: fetched, loaded as if it lay where it was, put back."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rebond.cli.configuration.at_hand import describe_problem
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.vaults.opening import VaultAtHand
from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Loaded
from rebond.durable_files import make_directories_durably, replace_durably, write_durably
from rebond.errors import ConfigError, RestoreError, UsageError
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.own_touches import touching
from rebond.operations.stored_configuration import read_stored_configuration
from rebond.presence import is_file
from rebond.stack.recovery_places import find_old_root
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

FETCHED = "recovered"  # below the state folder: configurations that came out of vaults
_LAID = "configuration-laid"  # in the folder of a run: which files of it were written
_MODE = 0o644  # a configuration names its secrets and holds none


def require_configuration_in(vault: VaultAtHand, record: SnapshotRecord) -> Mapping[str, bytes]:
    """Return the files of the configuration that a snapshot was made with. Raises ``UsageError`` for one without."""
    stored = read_stored_configuration(vault.live, record)
    if not stored:
        raise UsageError(
            "The snapshot {id} was made without a configuration, so nothing says where its parts belong.",
            hint="Bring them below a directory: rebond restore {id} --vault {url} --to DIR",
            id=record.snapshot.hex()[:12],
            url=vault.store.location,
        )
    return stored


def load_stored(
    invocation: Invocation, vault: VaultAtHand, record: SnapshotRecord, stored: Mapping[str, bytes], *, to: str = ""
) -> Loaded:
    """Return the configuration as if it lay where it was. Raises ``ConfigError``, and ``UsageError`` for a lost root.

    With ``to``, another folder to which everything goes, nobody has to know where the root was.
    """
    folder = invocation.state_folder / FETCHED / record.snapshot.hex()
    first = next(iter(stored))
    try:
        for name, content in stored.items():
            if is_below(name):
                make_directories_durably(os.fspath((folder / name).parent))
                replace_durably(os.fspath(folder / name), content)
    except OSError as error:
        raise RestoreError(
            "{path} cannot be written: {reason}",
            hint="Check the rights and the room there, or set REBOND_STATE_DIR.",
            path=str(folder),
            reason=error.strerror or str(error),
        ) from error
    path = folder / first if is_below(first) else folder / Path(first).name
    verdict = load_configuration(path, invocation.environment)
    with SnapshotReader(vault.live, record) as reader:
        roots = {each.name: each.root for each in reader.components}
    found = _require_usable(invocation, verdict)
    root = find_old_root(found, roots, folder)
    if root is None and to:
        root = found.root
    if root is None:
        raise UsageError(
            "Nothing in the snapshot {id} says where the stack lay.",
            hint="Say where its root is to be: --to DIR",
            id=record.snapshot.hex()[:12],
        )
    return _require_usable(invocation, load_configuration(path, invocation.environment, root=root))


def _require_usable(invocation: Invocation, verdict: Verdict) -> Loaded:
    if verdict.loaded is None:
        for problem in verdict.problems:
            note(invocation, describe_problem(problem))
        raise ConfigError(
            "The configuration in the snapshot cannot be used here.",
            hint="It lies in {path}. Mend a copy of it, then: rebond restore latest --in-place --config COPY",
            path=str(verdict.path),
        )
    if invocation.recording is not None:
        invocation.recording.meet_configuration(verdict.loaded)
    return verdict.loaded


def is_below(name: str) -> bool:
    """Say whether a stored file lay below the configuration's folder, and may be written below another one."""
    return not os.path.isabs(name) and ".." not in Path(name).parts


def write_configuration(invocation: Invocation, root: Path, stored: Mapping[str, bytes], journal: Journal) -> None:
    """Put the files of the configuration into the root, unless the stack itself has brought them."""
    names = [name for name in stored if not os.path.lexists(place_of(root, name))]
    with touching(journal.folder, _list_touched(root, names), journal.put_ns):
        _write_files(invocation, root, stored, journal, names)


def _write_files(
    invocation: Invocation, root: Path, stored: Mapping[str, bytes], journal: Journal, names: Sequence[str]
) -> None:
    for name in names:
        path, content = place_of(root, name), stored[name]
        try:
            with contextlib.suppress(FileExistsError):  # an earlier try came so far
                write_durably(os.fspath(journal.folder / _LAID), json.dumps(names).encode())
            make_directories_durably(os.fspath(path.parent), mode=0o755)
            write_durably(os.fspath(path), content, mode=_MODE)
        except FileExistsError:
            continue
        except OSError as error:
            raise RestoreError(
                "{path} cannot be written: {reason}",
                hint="The stack is back. Its configuration is in {folder} too.",
                path=str(path),
                reason=error.strerror or str(error),
                folder=str(invocation.state_folder / FETCHED),
            ) from error


def take_configuration_back(root: Path, stored: Mapping[str, bytes], journal: Journal) -> None:
    """Remove what ``write_configuration`` wrote, where nobody has changed it. Raises ``RestoreError``."""
    try:
        names = json.loads((journal.folder / _LAID).read_bytes())
        with touching(journal.folder, _list_touched(root, names), journal.put_ns):
            for path, content in ((place_of(root, name), stored.get(name)) for name in names):
                if is_file(path) and path.read_bytes() == content:
                    path.unlink()
                    for folder in path.relative_to(root).parents[:-1]:
                        with contextlib.suppress(OSError):  # something of somebody's lies there
                            (root / folder).rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RestoreError(
            "{path} cannot be removed: {reason}",
            hint="Check the rights there, then run the same command again.",
            path=str(error.filename or root),
            reason=error.strerror or str(error),
        ) from error


def _list_touched(root: Path, names: Sequence[str]) -> list[Path]:
    """Return what changes when files of the configuration come or go: they, and the folders down to them."""
    places = [place_of(root, name) for name in names]
    return list(dict.fromkeys(each for path in places for each in (path, *path.parents) if each.is_relative_to(root)))


def place_of(root: Path, name: str) -> Path:
    """Return where a stored file of the configuration belongs when the stack's root is ``root``."""
    return root / name if is_below(name) else root / Path(name).name
