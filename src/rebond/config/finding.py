"""Where the configuration is. Loads nothing of it."""

import os
from collections.abc import Mapping
from pathlib import Path

from rebond.errors import ConfigError

FILE_NAME = "rebond.toml"


def find_configuration(named: str | None, environment: Mapping[str, str], folder: Path) -> Path | None:
    """Return where the configuration is; ``None`` when there is none.

    That is: ``named``, else ``REBOND_CONFIG``, else ``rebond.toml`` in ``folder``, else that of the user, else
    that of the machine. Raises ``ConfigError`` when the first or the second names nothing.
    """
    wish = named or environment.get("REBOND_CONFIG")
    if wish:
        path = folder / os.path.expanduser(wish)
        if not os.path.isfile(path):
            raise ConfigError(
                "There is no configuration at {path}.",
                hint="Check --config and REBOND_CONFIG.",
                path=str(path),
            )
        return path
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", ""), ".config")
    usual = (folder, Path(home) / "rebond", Path("/etc/rebond"))
    # A folder of root's that may not be entered holds nothing for this user, and is no reason to fail.
    return next((each / FILE_NAME for each in usual if os.path.isfile(each / FILE_NAME)), None)
