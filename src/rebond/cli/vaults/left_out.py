"""A vault that lies in what is to be saved: saved into itself it would grow by all that it holds, at every run."""

import os
import re
from collections.abc import Sequence

from rebond.errors import UsageError
from rebond.findings import Finding, Severity

_SIGNS = re.compile(rb"([\\*?\[])")


def leave_vault_out(root: bytes, address: str) -> str | None:
    """Return the pattern, anchored at ``root``, that leaves the vault at ``address`` out; ``None`` when none is needed.

    Raises ``UsageError`` when ``root`` is that vault or lies in it.
    """
    vault = _find_directory(address)
    if vault is None:
        return None
    real = os.path.realpath(root)
    if f"{os.fsdecode(real)}/".startswith(f"{os.fsdecode(vault)}/"):
        raise UsageError(
            "{path} lies in the vault that it is to be saved in.",
            hint="Name something else with --path. To copy a vault, copy its directory with any tool.",
            path=os.fsdecode(root),
        )
    above = os.path.join(real, b"")
    return os.fsdecode(b"/" + _escape(vault[len(above) :])) if vault.startswith(above) else None


def leave_vaults_out(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return patterns that leave these vaults out wherever a component lies above them."""
    found = [vault for vault in map(_find_directory, addresses) if vault is not None]
    return tuple(sorted({os.fsdecode(_escape(vault)) for vault in found}))


def vault_left_out(address: str) -> Finding:
    """Say that the vault is not among what is saved."""
    return Finding(
        code="vault-left-out",
        severity=Severity.NOTE,
        subject=address,
        template="The vault at {location} lies in what is saved; it is left out of its own snapshot.",
        hint_template="Keep it elsewhere: what destroys one would destroy both.",
        values={"location": address},
    )


def _find_directory(address: str) -> bytes | None:
    path = address.removeprefix("file://")
    return None if "://" in path else os.path.realpath(os.fsencode(os.path.expanduser(path)))


def _escape(path: bytes) -> bytes:
    return _SIGNS.sub(rb"\\\1", path)
