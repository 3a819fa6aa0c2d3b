"""The private keys that open segments; one for each epoch of the vault."""

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.vault.credentials import Credentials
from rebond.vault.primitives import sealing_private_key


class SealingKeys:
    """What a credential can open, each key expanded from its seed once. May be asked by several threads."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._keys: dict[int, MLKEM768X25519PrivateKey] = {}

    def of_epoch(self, epoch: int) -> MLKEM768X25519PrivateKey:
        """Return the key of an epoch. Raises ``RoleTooSmall`` for whoever may not read content."""
        if epoch not in self._keys:
            self._keys[epoch] = sealing_private_key(self._credentials.sealing_seed(epoch))
        return self._keys[epoch]
