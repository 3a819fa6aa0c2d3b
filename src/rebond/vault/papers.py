"""What every vault carries for whoever has no Rebond: a note, the format page, the rescue program."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

import rebond
from rebond.errors import ObjectExists, Refused
from rebond.secret import Reserved
from rebond.store.protocol import Store
from rebond.vault.primitives import hash_of
from rebond.vault.roster import RescueFile
from rebond.vault.signed_objects import put_once

README_NAME = "README.txt"
FORMAT_PAGE_NAME = "VAULT-FORMAT.md"
RESCUE_PREFIX = "rescue/"

_README = """\
This directory is a Rebond vault: backups, encrypted and deduplicated.
Do not rename, edit or delete anything in it by hand.

With Rebond:      rebond snapshots --vault ADDRESS
                  rebond restore latest --to DIR --vault ADDRESS

Without Rebond:   rescue/ holds a program in one Python file. Before you run it, compare its
                  SHA-256 with the one in your recovery kit (whoever can write here could have
                  changed it):
                      sha256sum rescue/rescue-*.py
                      python3 rescue/rescue-VERSION.py VAULT SNAPSHOT TARGET
                  It needs the Python packages cryptography, zstandard and blake3, and the
                  passphrase, recovery key or key file of the vault's owner.

VAULT-FORMAT.md describes every byte, so that anybody can write another reader.
Nobody can open a vault whose passphrase, recovery key and key files are all lost.

----------------------------------------------------------------------------------------------

Ce répertoire est un coffre Rebond : des sauvegardes chiffrées et dédupliquées.
N'y renommez, ne modifiez et n'effacez rien à la main.

Avec Rebond :     rebond snapshots --vault ADRESSE
                  rebond restore latest --to DOSSIER --vault ADRESSE

Sans Rebond :     rescue/ contient un programme en un seul fichier Python. Avant de le lancer,
                  comparez son SHA-256 à celui du kit de secours (qui peut écrire ici a pu le
                  modifier) :
                      sha256sum rescue/rescue-*.py
                      python3 rescue/rescue-VERSION.py COFFRE SAUVEGARDE CIBLE
                  Il lui faut les paquets Python cryptography, zstandard et blake3, et la phrase
                  de passe, la clé de secours ou le fichier de clé du propriétaire.

VAULT-FORMAT.md décrit chaque octet : chacun peut écrire un autre lecteur.
Personne ne peut ouvrir un coffre dont tous les secrets sont perdus.
"""


class VaultPapers(Reserved, frozen=True, kw_only=True):
    """The clear files of a vault by name. The roster holds the hashes of what one might run or rely on."""

    SHOWN: ClassVar[tuple[str, ...]] = ()

    contents: Mapping[str, bytes]

    def list_hashes(self) -> tuple[RescueFile, ...]:
        """Return name, HASH and SHA-256 of everything but the note."""
        return tuple(
            RescueFile(name=name, hash=hash_of(content), sha256=hashlib.sha256(content).digest())
            for name, content in sorted(self.contents.items())
            if name != README_NAME
        )


def load_papers() -> VaultPapers:
    """Return the papers of this release: the note, and whichever of the others are installed with it."""
    contents = {README_NAME: _README.encode()}
    page = _read_format_page()
    if page is not None:
        contents[FORMAT_PAGE_NAME] = page
    rescue = _read_first("rescue/rescue.py", "rescue.py")
    if rescue is not None:
        contents[f"{RESCUE_PREFIX}rescue-{rebond.__version__}.py"] = rescue
    return VaultPapers(contents=contents)


def put_papers(store: Store, papers: VaultPapers) -> None:
    """Put the papers that are not there yet; raises ``Refused`` when other bytes have one of their names."""
    for name, content in papers.contents.items():
        try:
            put_once(store, name, content)
        except ObjectExists as error:
            raise Refused(
                "{name} is there already with other contents: somebody else's, or another release's.",
                hint="Look at it; if nothing of it is needed, delete it and run the same command again.",
                name=name,
            ) from error


def _read_format_page() -> bytes | None:
    """Return the format page: from the package, or from ``docs/`` where Rebond runs from its source tree."""
    docs = Path(rebond.__file__).parents[2] / "docs"
    for page in (files("rebond.vault").joinpath("VAULT-FORMAT.md"), docs / "vault-format.md"):
        if page.is_file():
            return page.read_bytes()
    return None


def _read_first(*names: str) -> bytes | None:
    for name in names:
        resource = files("rebond.vault").joinpath(name)
        if resource.is_file():
            return resource.read_bytes()
    return None
