"""Found a vault for a machine: its key files, the vault, the kit's key; cut anywhere, the next run goes on.

The owner's key file is on disk before the vault relies on it. Where only a writer's file is to stay, the owner's
lies there until the kit was shown: before that it would be the only thing that opens the vault.
"""

import contextlib
import os
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from rebond.clock import Clock
from rebond.durable_files import fsync_directory, make_directories_durably
from rebond.errors import RebondError, UsageError, VaultExists, VaultMissing, WrongKey
from rebond.presence import is_file, is_there
from rebond.secret import Reserved
from rebond.store.protocol import Store
from rebond.store.proving import LARGE_BYTES, StoreProof, prove_store
from rebond.vault.creation import create_vault, new_key_file, require_free_place
from rebond.vault.description import VaultDescription, read_description
from rebond.vault.key_slots import add_slot, remove_slot
from rebond.vault.member_files import read_member_file, write_secret_file
from rebond.vault.members import issue_writer
from rebond.vault.opening import OpenedVault, open_vault, secret_from_file
from rebond.vault.recovery_keys import print_recovery_key
from rebond.vault.roster import Roster
from rebond.vault.slots import SlotSecret, key_file_secret, recovery_key_secret

_KEY_FILE_BYTES = 32
_MOST_LABELS = 1000


class KeyPlaces(Struct, frozen=True, kw_only=True):
    """Where key files go. With ``writer`` the owner's file is there only until ``seal_off`` was called."""

    owner: Path
    writer: Path | None = None


class Founded(Reserved, frozen=True, kw_only=True):
    """A vault that stands. ``recovery_key`` was made in this run and is kept nowhere; ``proof`` only of a new one."""

    SHOWN: ClassVar[tuple[str, ...]] = ("description", "roster", "is_new", "proof")

    description: VaultDescription
    roster: Roster
    recovery_key: str
    is_new: bool
    proof: StoreProof | None = None


def found_vault(
    store: Store,
    places: KeyPlaces,
    *,
    clock: Clock,
    label: str,
    passphrase: SlotSecret | None = None,
    proof_bytes: int = LARGE_BYTES,
) -> Founded:
    """Make the vault, or go on with the one that an earlier run made with the same key file.

    ``label`` names this machine as a writer; ``proof_bytes`` is how large an object the store has to prove itself
    with. Raises ``VaultExists`` when there is a vault that the key file does not
    open, ``UsageError`` when a key file cannot be written, and what making a vault raises.
    """
    content = _settle_owner_key(store, places.owner)
    secret = key_file_secret(content)
    try:
        founded, opened = _go_on(store, secret, clock)
    except VaultMissing:
        founded, opened = _make(store, content, secret, clock, passphrase, proof_bytes)
    if places.writer is not None:
        _settle_writer(store, opened, places.writer, label, clock)
    return founded


def seal_off(store: Store, owner_key: Path, recovery_key: str) -> None:
    """Take the owner's key file away: the recovery key opens the vault, the file no more. May be run again.

    Call it when the kit was shown. Raises ``WrongKey`` when the recovery key does not open the vault; the file
    then stays.
    """
    by_recovery_key = open_vault(store, recovery_key_secret(recovery_key)).require_keyring()
    with contextlib.suppress(WrongKey):  # an earlier run was cut between the two steps
        by_file = open_vault(store, key_file_secret(owner_key.read_bytes())).require_keyring()
        remove_slot(store, by_recovery_key, by_file.opened_by)
    _unlink_durably(owner_key)


def clear_sealed_key(store: Store, places: KeyPlaces) -> bool:
    """Take away an owner's key file that opens nothing any more, because ``seal_off`` was cut; say whether that was so.

    The writer's file proves that it is the same vault: the file of another one is not touched.
    """
    if places.writer is None or not (is_file(places.writer) and is_file(places.owner)):
        return False
    try:
        open_vault(store, secret_from_file(places.writer.read_bytes()))
        open_vault(store, key_file_secret(places.owner.read_bytes()))
    except WrongKey:
        _unlink_durably(places.owner)
        return True
    except RebondError:  # another vault, or none: what comes next says so
        return False
    return False


def _settle_owner_key(store: Store, path: Path) -> bytes:
    """Return what the owner's key file holds; make it where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = new_key_file()
        _require_no_vault(store)
        _make_directory(path.parent)
        write_secret_file(path, content)
        return content
    except OSError as error:
        raise _unwritable(path, error) from error
    if len(content) != _KEY_FILE_BYTES:
        raise UsageError(
            "{path} is there and is no owner's key file.",
            hint="Move it away, or give another name to the directory.",
            path=str(path),
        )
    return content


def _require_no_vault(store: Store) -> None:
    try:
        read_description(store)
    except VaultMissing:
        return
    raise _foreign(store)


def _go_on(store: Store, secret: SlotSecret, clock: Clock) -> tuple[Founded, OpenedVault]:
    """Open the vault of an earlier run, and make a recovery key again: nobody may have seen the first."""
    read_description(store)
    try:
        opened = open_vault(store, secret)
    except WrongKey:
        raise _foreign(store) from None
    content = os.urandom(_KEY_FILE_BYTES)
    printed = print_recovery_key(content)
    another = recovery_key_secret(printed)
    add_slot(store, opened.require_keyring(), another, clock=clock, label=another.method.value)
    opened = open_vault(store, secret)
    founded = Founded(description=opened.description, roster=opened.roster, recovery_key=printed, is_new=False)
    return founded, opened


def _make(
    store: Store, content: bytes, secret: SlotSecret, clock: Clock, passphrase: SlotSecret | None, proof_bytes: int
) -> tuple[Founded, OpenedVault]:
    require_free_place(store)  # before probe objects are put among somebody else's files
    proof = prove_store(store, clock, large_bytes=proof_bytes)
    created = create_vault(store, clock=clock, proof=proof, passphrase=passphrase, key_file=content)
    founded = Founded(
        description=created.description,
        roster=created.roster,
        recovery_key=created.recovery_key,
        is_new=True,
        proof=proof,
    )
    return founded, open_vault(store, secret)


def _settle_writer(store: Store, opened: OpenedVault, path: Path, label: str, clock: Clock) -> None:
    """Make a writer and its file, unless an earlier run did. One without a file, of a run that was cut, is harmless."""
    if is_there(path):
        known = read_member_file(path.read_bytes()).credentials
        if known.vault_id == opened.description.vault_id:
            return
        raise UsageError(
            "{path} is the key file of another vault.", hint="Move it away, then run the same command.", path=str(path)
        )
    taken = {member.label for member in opened.roster.members}
    free = next(each for each in (label, *(f"{label}-{n}" for n in range(2, _MOST_LABELS))) if each not in taken)
    issued = issue_writer(
        store, opened.require_keyring(), opened.roster, label=free, clock=clock, address=store.location
    )
    _make_directory(path.parent)
    write_secret_file(path, issued.content)


def _unlink_durably(path: Path) -> None:
    path.unlink()
    fsync_directory(str(path.parent))


def _make_directory(path: Path) -> None:
    try:
        make_directories_durably(str(path))
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        "{path} cannot be used for key files: {reason}.",
        hint="Run the command as a user who may write there, or set XDG_CONFIG_HOME to a directory of yours.",
        path=str(path),
        reason=error.strerror or str(error),
    )


def _foreign(store: Store) -> VaultExists:
    return VaultExists(
        "There is a vault at {location} already, and this machine has no key file of its owner for it.",
        hint="Choose another place with --vault. To use that vault, let its owner run: "
        "rebond key issue writer LABEL --output FILE",
        location=store.location,
    )
