"""Which vault a command works on. Loads the configuration only where there is one."""

from pathlib import Path

from rebond.cli.invocation import Invocation
from rebond.cli.vault_found import Configured
from rebond.config.finding import find_configuration
from rebond.errors import UsageError


def find_vault(invocation: Invocation, address: str | None = None) -> Configured:
    """Return the vault at hand: ``address``, else what was named, else the configuration's.

    Raises ``UsageError`` when nobody named a vault, and ``ConfigError`` for a configuration that cannot be used
    and is needed.
    """
    named = invocation.named_vault if address is None else address
    path = find_configuration(invocation.config, invocation.environment, Path.cwd())
    if path is not None:
        from rebond.cli.configured import find_in_configuration

        return find_in_configuration(invocation, named)
    if named is None:
        raise UsageError(
            "No vault was named.",
            hint="Add --vault /where/it/is, set REBOND_VAULT, or write url under [vault] in rebond.toml.",
        )
    return Configured(address=named)
