"""The configuration that a drill goes by: the one at hand, when it is of the same stack as the snapshot."""

from pathlib import Path

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.invocation import Invocation
from rebond.config.finding import find_configuration
from rebond.config.model import Loaded
from rebond.vault.snapshots import SnapshotRecord


def find_loaded(invocation: Invocation, record: SnapshotRecord) -> Loaded | None:
    """Return the configuration at hand, or ``None`` where there is none for this stack. Raises ``ConfigError``."""
    if find_configuration(invocation.config, invocation.environment, Path.cwd()) is None:
        return None
    loaded = require_configuration(invocation)
    return loaded if loaded.configuration.stack.name == record.catalog.stack else None
