"""Where events go, by a configuration."""

import os
from pathlib import Path

from rebond.config.model import Loaded
from rebond.logs.log import WEIGHTS, LogSettings


def describe_log(loaded: Loaded) -> LogSettings:
    """Return what ``[log]`` says; without it events go nowhere but to the terminal, where there is one."""
    log = loaded.configuration.log
    if log is None:
        return LogSettings()
    return LogSettings(
        file=Path(os.path.join(loaded.root, os.path.expanduser(log.file))) if log.file else None,
        limit_bytes=log.size,
        kept=log.count,
        mode=int(log.mode, 8),
        to_journal=log.journal,
        lightest=WEIGHTS[log.level],
    )
