"""Which runs of commands are written down: those that change something, or prove something."""

from collections.abc import Mapping

RECORDED = frozenset(
    {
        "backup",
        "restore",
        "recover",
        "verify",
        "drill",
        "forget",
        "undelete",
        "prune",
        "hold",
        "unhold",
        "key add",
        "key remove",
        "key issue",
        "key revoke",
        "kit",
        "vault create",
        "schedule install",
        "schedule remove",
        "pause",
        "resume",
    }
)
RECORDED_WITH = {"doctor": ("fix", "record"), "check": ("fix", "record")}  # only with one of these options
ONLY_ASKS = ("dry_run", "simulate")  # options with which a command changes nothing


def is_recorded(kind: str, given: Mapping[str, object]) -> bool:
    """Say whether a run of a command such as "key add" is written down, with the options that it was given."""
    is_meant = kind in RECORDED or any(given.get(name) for name in RECORDED_WITH.get(kind, ()))
    return is_meant and not any(given.get(name) for name in ONLY_ASKS)
