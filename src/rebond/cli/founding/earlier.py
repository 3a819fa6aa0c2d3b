"""A configuration that an earlier run wrote, or somebody else, for the same directory."""

import os
from pathlib import Path

from rebond.cli.configuration.at_hand import judge_configuration
from rebond.cli.invocation import Invocation
from rebond.config.finding import find_configuration
from rebond.errors import RebondError, VaultMissing


def find_earlier(invocation: Invocation, target: Path) -> Path | None:
    """Return the configuration that is there for this directory; ``None`` when there is none.

    Raises ``VaultMissing`` when it names a vault that is not there: the disk may not be mounted, so none is made.
    """
    path = target if target.is_file() else _find_elsewhere(invocation)
    if path is None:
        return None
    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return path
    vault = loaded.configuration.vault if loaded else None
    if vault is not None and isinstance(vault.url, str) and "://" not in vault.url and loaded:
        place = loaded.root / os.path.expanduser(vault.url)
        if not (place / "vault.json").is_file() and not place.joinpath("keys").exists():
            raise VaultMissing(
                "{path} names a vault at {location}, and there is none.",
                hint="If its disk is not mounted, mount it. If there never was one, run: rebond vault create",
                path=str(path),
                location=str(place),
            )
    return path


def _find_elsewhere(invocation: Invocation) -> Path | None:
    """Return the user's or the machine's configuration when it is about this very directory."""
    if invocation.config or invocation.environment.get("REBOND_CONFIG"):
        return None
    path = find_configuration(None, invocation.environment, Path.cwd())
    if path is None:
        return None
    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return None
    return path if loaded and loaded.root.resolve() == Path.cwd().resolve() else None
