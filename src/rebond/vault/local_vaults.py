"""Vaults in directories of this machine: what must not be put into one."""

import os

from rebond.vault.description import DESCRIPTION_NAME

BESIDE = "keyring"  # so that a file of another program with the same name is not mistaken for a vault's


def find_vault_around(path: str) -> str | None:
    """Return the vault that ``path`` is or lies in, whether anything is there yet or not; ``None`` when in none.

    Links are followed: what counts is where something would be written.
    """
    place = os.path.realpath(path)
    while True:
        if os.path.isfile(os.path.join(place, DESCRIPTION_NAME)) and os.path.isdir(os.path.join(place, BESIDE)):
            return place
        above = os.path.dirname(place)
        if above == place:
            return None
        place = above
