"""The recovery kit: what must lie in a safe, on paper, so that the vault can be opened after a fire.

Two pages. The first holds the recovery key and belongs in a safe. The second holds no secret: what
to type, and how to know that neither the vault nor the rescue program was swapped.
"""

import re
import shlex
from datetime import UTC, datetime
from typing import ClassVar, Literal

from rebond.secret import Reserved
from rebond.vault.description import VaultDescription
from rebond.vault.papers import RESCUE_PREFIX
from rebond.vault.roster import RescueFile, Roster

Language = Literal["en", "fr"]
PAGE_BREAK = "\f"
_AMAZON = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_GOOGLE = ("GOOGLE_APPLICATION_CREDENTIALS",)
_AZURE = ("AZURE_STORAGE_ACCOUNT_KEY",)
_CREDENTIALS = {"s3": _AMAZON, "gs": _GOOGLE, "gcs": _GOOGLE, "az": _AZURE, "azure": _AZURE}
_GROUPS_PER_LINE = 7
_BACK: dict[Language, str] = {"en": "~/back", "fr": "~/retour"}
_NO_KEY: dict[Language, str] = {
    "en": "(not printed: the key is kept nowhere. `rebond key add --recovery-key` makes a new one)",
    "fr": "(non imprimée : elle n'est conservée nulle part. `rebond key add --recovery-key` en crée une autre)",
}


class RecoveryKit(Reserved, frozen=True, kw_only=True):
    """The data of a kit. ``address`` has no credentials in it; ``recovery_key`` is ``None`` when it is not at hand."""

    SHOWN: ClassVar[tuple[str, ...]] = ("address", "vault_id", "owner_fingerprint", "made_ms", "rescue")

    address: str
    vault_id: str
    owner_fingerprint: str
    made_ms: int
    rescue: tuple[RescueFile, ...]
    recovery_key: str | None = None


def make_kit(
    description: VaultDescription, roster: Roster, *, address: str, recovery_key: str | None = None
) -> RecoveryKit:
    """Gather the data of the kit. The recovery key exists only while the vault is made or a slot is added."""
    return RecoveryKit(
        address=address,
        vault_id=description.vault_id.hex(),
        owner_fingerprint=description.owner_fingerprint,
        made_ms=description.made_ms,
        rescue=tuple(file for file in roster.rescue if file.name.startswith(RESCUE_PREFIX)),
        recovery_key=recovery_key,
    )


def render_kit(kit: RecoveryKit, language: Language = "en") -> str:
    """Return the kit as Markdown that reads as plain text; a form feed ends the page for the safe."""
    values = {
        "address": kit.address,
        "typed": shlex.quote(kit.address),
        "vault_id": kit.vault_id,
        "fingerprint": split_hex(kit.owner_fingerprint),
        "made": datetime.fromtimestamp(kit.made_ms / 1000, UTC).date().isoformat(),
        "key": _render_key(kit.recovery_key, language),
        "rescue": _render_rescue(kit.rescue, language),
        "steps": _render_steps(kit, language),
        "access": _render_access(kit.address, language),
    }
    first, second = _PAGES[language]
    return first.format_map(values) + PAGE_BREAK + second.format_map(values)


def list_credentials(address: str) -> tuple[str, ...]:
    """Return the variables that a store of this address takes its credential from; none for a directory."""
    return _CREDENTIALS.get(address.partition("://")[0].lower(), ()) if "://" in address else ()


def split_hex(text: str) -> str:
    """Return hexadecimal digits in groups of 8, four to a line, so that two people can compare them aloud."""
    groups = [text[i : i + 8] for i in range(0, len(text), 8)]
    return "\n    ".join(" ".join(groups[i : i + 4]) for i in range(0, len(groups), 4))


def _render_key(key: str | None, language: Language) -> str:
    if key is None:
        return _NO_KEY[language]
    groups = key.split("-")
    lines = [groups[i : i + _GROUPS_PER_LINE] for i in range(0, len(groups), _GROUPS_PER_LINE)]
    return "-\n    ".join("-".join(line) for line in lines)


def _render_access(address: str, language: Language) -> str:
    """Return what opens the way to the store; without it the first command of the page fails."""
    variables = list_credentials(address)
    if not variables:
        return ""
    words = {
        "en": "Then give the key of the store (page 1, access to the place):",
        "fr": "Puis donnez la clé du stockage (page 1, accès au lieu) :",
    }[language]
    return f"\n   {words}\n\n       export {' '.join(f'{each}=…' for each in variables)}\n"


def _render_rescue(files: tuple[RescueFile, ...], language: Language) -> str:
    named = [file for file in files if not file.name.endswith(".whl")]  # the list of their SHA-256 stands for wheels
    if not named:
        return {"en": "    (none in this vault)", "fr": "    (aucun dans ce coffre)"}[language]
    return "\n".join(f"    {file.name}\n    {split_hex(file.sha256.hex())}" for file in named)


def _render_steps(kit: RecoveryKit, language: Language) -> str:
    """Return what to type: the libraries come from the index, or from the wheels where the vault carries them.

    Every line works as it stands, on systems too whose Python takes packages in an environment of its own only.
    """
    programs = sorted((each.name for each in kit.rescue if each.name.endswith(".py")), key=_by_version)
    program = programs[-1] if programs else f"{RESCUE_PREFIX}rescue-VERSION.py"
    go = f"cd {_name_folder(kit.address, language)}"
    back = f". latest {_BACK[language]}"
    wheels = [file.name for file in kit.rescue if file.name.endswith(".whl")]
    if not wheels:
        libraries = "python3 -m venv ~/libs && ~/libs/bin/pip install cryptography zstandard blake3"
        return _indent([go, "sha256sum rescue/rescue-*.py", libraries, f"~/libs/bin/python {program} {back}"])
    fits = ", ".join(sorted({_tell_fit(name) for name in wheels if "/zstandard-" in name}))
    remark = {"en": f"# without a network; for {fits}", "fr": f"# sans réseau ; pour {fits}"}[language]
    return _indent(
        [
            remark,
            go,
            "sha256sum rescue/rescue-*.py rescue/wheels-*.sha256",
            "(cd rescue && sha256sum -c wheels-*.sha256)",
            'for wheel in rescue/*.whl; do python3 -m zipfile -e "$wheel" ~/libs; done',
            f"PYTHONPATH=~/libs python3 {program} {back}",
        ]
    )


def _by_version(name: str) -> list[int]:
    """Return the numbers of a name: 0.10 comes after 0.9."""
    return [int(digits) for digits in re.findall(r"\d+", name)]


def _name_folder(address: str, language: Language) -> str:
    """Return the folder that the vault lies in; of one that lies elsewhere a copy is needed first."""
    if "://" not in address:
        return shlex.quote(address)
    return {"en": "VAULT  # a copy of it, made with any tool", "fr": "COFFRE  # sa copie, par n'importe quel outil"}[
        language
    ]


def _tell_fit(wheel: str) -> str:
    """Return the Python and the processor that a wheel's name says: ``Python 3.11 (Linux x86_64)``."""
    python, _, platform = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    version = re.sub(r"^cp(\d)(\d+)$", r"Python \1.\2", python)
    processor = re.sub(r"^(?:many|musl)?linux(?:\d+|_\d+_\d+)?_", "Linux ", platform.split(".")[0])
    return f"{version} ({processor})"


def _indent(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


_ENGLISH = (
    """\
# Rebond recovery kit — page 1 of 2, FOR THE SAFE

Whoever holds this page and can reach the vault can read everything in it.
Keep it where a fire at the server does not reach. Keep no copy on a computer.

**Vault made on:** {made}

**Address:**

    {address}

**Recovery key** (letters and digits; O is 0, I and L are 1; each group checks itself):

    {key}

**Vault id:**

    {vault_id}

**Fingerprint of the owner's key:**

    {fingerprint}

**Access to the place** (write by hand: account, where its password or key lies):

    ________________________________________________________________

    ________________________________________________________________

Checked by a restore on:  ____________   by:  ______________________
""",
    """\
# Rebond recovery kit — page 2 of 2, no secret

**Vault:** {vault_id}
**Address:** {address}

## The server is lost: do this on any machine

1. Install Rebond: Python 3.11 or newer (Debian, Ubuntu: `apt-get install python3-venv`), then,
   in the folder of a copy of its source (keep one where this kit lies):

       python3 -m venv ~/rebond && . ~/rebond/bin/activate
       pip install ".[all]"
{access}
2. See that it is the right vault. The fingerprint must be the one on page 1:

       rebond vault info {typed}

3. Give the recovery key (or the passphrase) when you are asked, or in `REBOND_PASSPHRASE`.

       rebond recover {typed}

   brings the whole application back; it shows the plan and asks first. Only the files, or
   without a configuration in the vault:

       rebond snapshots --vault {typed}
       rebond restore latest --to ~/back --vault {typed}

   The last line of the restore says where things are.

## Without Rebond

The vault carries a program for that. Compare its SHA-256 first; whoever could write in the
vault could have changed it:

{rescue}

{steps}

## If a secret was stolen

- A writer's or keeper's file: `rebond key revoke NAME`, then `rebond key issue`.
- The passphrase or this recovery key: `rebond key add`, then `rebond key remove` the old one.
  What the thief could already read he can still read: change the passwords that the backups hold.
""",
)

_FRENCH = (
    """\
# Kit de secours Rebond — page 1 sur 2, À METTRE AU COFFRE-FORT

Qui possède cette page et atteint le coffre peut y lire tout.
Gardez-la là où un incendie du serveur ne l'atteint pas. N'en gardez pas de copie sur un ordinateur.

**Coffre créé le :** {made}

**Adresse :**

    {address}

**Clé de secours** (lettres et chiffres ; O vaut 0, I et L valent 1 ; chaque groupe se vérifie lui-même) :

    {key}

**Identifiant du coffre :**

    {vault_id}

**Empreinte de la clé du propriétaire :**

    {fingerprint}

**Accès au lieu de stockage** (à écrire à la main : compte, où se trouve son mot de passe ou sa clé) :

    ________________________________________________________________

    ________________________________________________________________

Vérifié par une restauration le :  ____________   par :  ______________________
""",
    """\
# Kit de secours Rebond — page 2 sur 2, sans secret

**Coffre :** {vault_id}
**Adresse :** {address}

## Le serveur est perdu : à faire sur n'importe quelle machine

1. Installez Rebond : Python 3.11 ou plus récent (Debian, Ubuntu : `apt-get install python3-venv`), puis,
   dans le dossier d'une copie de son code (gardez-en une avec ce kit) :

       python3 -m venv ~/rebond && . ~/rebond/bin/activate
       pip install ".[all]"
{access}
2. Assurez-vous que c'est le bon coffre. L'empreinte doit être celle de la page 1 :

       rebond vault info {typed}

3. Donnez la clé de secours (ou la phrase de passe) quand elle est demandée, ou dans `REBOND_PASSPHRASE`.

       rebond recover {typed}

   ramène toute l'application ; le plan est montré, puis confirmé. Les fichiers seuls, ou
   sans configuration dans le coffre :

       rebond snapshots --vault {typed}
       rebond restore latest --to ~/retour --vault {typed}

   La dernière ligne de la restauration dit où sont les choses.

## Sans Rebond

Le coffre contient un programme pour cela. Comparez d'abord son SHA-256 : qui pouvait écrire
dans le coffre a pu le modifier.

{rescue}

{steps}

## Si un secret a été volé

- Le fichier d'un writer ou d'un keeper : `rebond key revoke NOM`, puis `rebond key issue`.
- La phrase de passe ou cette clé de secours : `rebond key add`, puis `rebond key remove` l'ancienne.
  Ce que le voleur pouvait déjà lire, il peut toujours le lire : changez les mots de passe sauvegardés.
""",
)

_PAGES: dict[Language, tuple[str, str]] = {"en": _ENGLISH, "fr": _FRENCH}
