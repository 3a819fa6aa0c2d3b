"""What every command was told besides its own arguments."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from rebond.cli.witness import Witness


class Invocation(Struct, kw_only=True):
    """The common options, as far as they were read. Filled while the command line is parsed, then only read."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    vault: str | None = None
    config: str | None = None
    wants_json: bool = False
    is_quiet: bool = False
    progress: str | None = None
    asked_language: str | None = None  # by --lang
    recording: Witness | None = None  # what writes this run down, for commands that are written down
    has_answered: bool = False  # standard output holds (part of) the answer; a failure goes elsewhere
    may_be_whole_later: bool = False  # what was saved lacks a component that did not answer
    is_doubtful: bool = False  # what is done may not be what was meant: a status of 0 becomes 3
    must_be_whole: bool = False  # a partial snapshot of this turn stands already

    @property
    def named_vault(self) -> str | None:
        """The vault of the command line or the environment; the configuration may name one where this is ``None``."""
        return self.vault if self.vault is not None else self.environment.get("REBOND_VAULT")

    @property
    def cache_folder(self) -> Path:
        """What may be deleted at any time: ``REBOND_CACHE_DIR``, or a folder in the user's cache."""
        return self._folder("REBOND_CACHE_DIR", "XDG_CACHE_HOME", ".cache")

    @property
    def state_folder(self) -> Path:
        """What is worth keeping between runs: ``REBOND_STATE_DIR``, or a folder in the user's state."""
        return self._folder("REBOND_STATE_DIR", "XDG_STATE_HOME", ".local/state")

    def _folder(self, own: str, shared: str, below_home: str) -> Path:
        if chosen := self.environment.get(own):
            return Path(chosen).absolute()
        shared_folder = Path(self.environment.get(shared) or "")
        if shared_folder.is_absolute():  # the XDG rules say to ignore a relative one
            return shared_folder / "rebond"
        return Path(self.environment.get("HOME") or Path.home()) / below_home / "rebond"
