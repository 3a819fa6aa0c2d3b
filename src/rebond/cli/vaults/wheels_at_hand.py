"""Which wheels a vault shall carry for its rescue program: those of this machine, or those of a directory."""

from pathlib import Path

from rebond.cli.grammar.verbs import option
from rebond.vault.papers import RESCUE_PREFIX, VaultPapers, load_papers
from rebond.vault.roster import Roster

OWN = "own"
wheels_option = option(
    "--wheels",
    metavar="own|DIR",
    help="Keep the rescue program's libraries in the vault, some 10 MB, for a machine without a network: "
    "'own', those of this machine's Python, or the wheels of a directory.",
)


def gather_wheels(wanted: str) -> dict[str, bytes]:
    """Return the wheels by file name; raises ``UsageError`` when they cannot be had."""
    from rebond.vault.wheels import pack_installed, read_wheels

    return pack_installed() if wanted == OWN else read_wheels(Path(wanted).expanduser())


def gather_papers(wanted: str | None) -> VaultPapers:
    """Return what a new vault carries in clear, with wheels where they are wanted."""
    if wanted is None:
        return load_papers()
    from rebond.vault.wheels import with_wheels

    return with_wheels(load_papers(), gather_wheels(wanted))


def list_wheels(roster: Roster) -> list[str]:
    """Return the names of the wheels that a vault carries."""
    return sorted(file.name.removeprefix(RESCUE_PREFIX) for file in roster.rescue if file.name.endswith(".whl"))
