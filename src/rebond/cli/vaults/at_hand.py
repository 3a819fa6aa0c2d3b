"""Which vault a command works on. Loads the configuration only where there is one."""

from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from rebond.cli.configuration.vault_found import Configured
from rebond.cli.invocation import Invocation
from rebond.config.finding import find_configuration
from rebond.errors import ConfigError, UsageError


def find_zone(invocation: Invocation) -> tzinfo | None:
    """Return the time zone of the configuration at hand; ``None`` where there is none, or it names none."""
    try:
        path = find_configuration(invocation.config, invocation.environment, Path.cwd())
    except (ConfigError, OSError):  # whoever needs the configuration says so
        return None
    if path is None:
        return None
    from rebond.cli.configuration.at_hand import find_time_zone

    name = find_time_zone(path, invocation.environment)
    return ZoneInfo(name) if name else None


def find_vault(invocation: Invocation, address: str | None = None) -> Configured:
    """Return the vault at hand: ``address``, else what was named, else the configuration's.

    Raises ``UsageError`` when nobody named a vault, and ``ConfigError`` for a configuration that cannot be used
    and is needed.
    """
    named = invocation.named_vault if address is None else address
    path = find_configuration(invocation.config, invocation.environment, Path.cwd())
    if path is not None:
        from rebond.cli.configuration.at_hand import find_in_configuration

        return find_in_configuration(invocation, named)
    if named is None:
        raise UsageError(
            "No vault was named.",
            hint="Add --vault /where/it/is, set REBOND_VAULT, or write url under [vault] in rebond.toml.",
        )
    return Configured(address=named)
