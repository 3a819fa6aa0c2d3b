"""A restore in place up to the open vault. What plans it is loaded while the passphrase is stretched."""

from collections.abc import Mapping, Sequence
from typing import Any

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.watching import watching
from rebond.cli.vaults.opening import vault_at_hand

_MEANWHILE = ("rebond.cli.in_place.restoring", "rebond.history.sealing")


def begin_in_place(invocation: Invocation, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]) -> int:
    """Open the vault and bring components back into their places. Return 3 when something is not as it was."""
    loaded = require_configuration(invocation)
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.in_place.restoring import restore_in_place

        return restore_in_place(invocation, loaded, vault, watcher, words, moment, wishes)
