"""What this machine remembers of each vault, so that nobody can put back an older one unnoticed.

One small file per vault in the local state directory: the owner's verify key and the highest
roster and keyring number ever seen. It is no secret. Losing it costs the protection until the
vault is opened the next time, and nothing else.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from rebond.durable_files import make_directories_durably, replace_durably
from rebond.errors import ConfigError, ForeignObject
from rebond.file_locks import wait_for_file_lock
from rebond.identifiers import VaultId


class Pin(Struct, frozen=True, kw_only=True):
    """The highest numbers seen of one vault, and whose it is."""

    owner_verify_key: bytes
    roster: int = 0
    keyring: int = 0


class Pins:
    """The pins of all vaults, kept in ``directory`` (made when needed). Safe between processes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, vault_id: VaultId) -> Path:
        """Where the pin of a vault lies."""
        return self._directory / f"{vault_id.hex()}.json"

    def find(self, vault_id: VaultId) -> Pin | None:
        """Return what is remembered of a vault; raises ``ConfigError`` when the file cannot be read."""
        path = self.path(vault_id)
        try:
            fields = json.loads(path.read_bytes())
            return Pin(
                owner_verify_key=bytes.fromhex(fields["owner_verify_key"]),
                roster=int(fields["roster"]),
                keyring=int(fields["keyring"]),
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ConfigError(
                "What this machine remembers of the vault cannot be read: {path}: {reason}",
                hint="Run as the account that owns it, or set REBOND_STATE_DIR to a folder of this one.",
                path=str(path),
                reason=error.strerror or str(error),
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                "What this machine remembers of the vault cannot be read: {path}: {reason}",
                hint="Compare the fingerprint of 'rebond vault info' with the recovery kit, then delete the file.",
                path=str(path),
                reason=str(error),
            ) from error

    def require_owner(self, vault_id: VaultId, owner_verify_key: bytes) -> Pin:
        """Return the pin of a vault, an empty one at first sight; raises ``ForeignObject`` for another owner's key."""
        pin = self.find(vault_id) or Pin(owner_verify_key=owner_verify_key)
        if pin.owner_verify_key != owner_verify_key:
            raise ForeignObject(
                "The vault's owner key is not the one that this machine knows: somebody replaced the vault.",
                hint="Compare the fingerprint with the recovery kit before you trust it. Known here: {path}",
                path=str(self.path(vault_id)),
            )
        return pin

    def remember(self, vault_id: VaultId, owner_verify_key: bytes, *, roster: int = 0, keyring: int = 0) -> Pin:
        """Raise the pin to the numbers given, never lower it; durable when it returns.

        Raises ``ForeignObject`` for another owner's key, ``ConfigError`` when nothing can be written.
        """
        known = self.find(vault_id)
        if known is not None and known == _raise(known, owner_verify_key, roster, keyring):
            return known
        try:
            with self._locked():
                before = self.require_owner(vault_id, owner_verify_key)
                pin = _raise(before, owner_verify_key, roster, keyring)
                self._write(vault_id, pin)
        except OSError as error:
            raise ConfigError(
                "What was seen of the vault cannot be remembered in {path}: {reason}",
                hint="Make the directory writable, or set REBOND_STATE_DIR to one that is.",
                path=str(self._directory),
                reason=error.strerror or str(error),
            ) from error
        return pin

    def _write(self, vault_id: VaultId, pin: Pin) -> None:
        content = {"owner_verify_key": pin.owner_verify_key.hex(), "roster": pin.roster, "keyring": pin.keyring}
        replace_durably(str(self.path(vault_id)), json.dumps(content).encode() + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time read, compare and write; the lock goes with the process."""
        make_directories_durably(str(self._directory))
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for_file_lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def _raise(pin: Pin, owner_verify_key: bytes, roster: int, keyring: int) -> Pin:
    return Pin(owner_verify_key=owner_verify_key, roster=max(pin.roster, roster), keyring=max(pin.keyring, keyring))
