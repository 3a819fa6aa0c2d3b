"""What every command was told besides its own arguments."""

import os
import pwd
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
        if shared_folder.is_absolute() and not self._is_anothers(shared_folder):  # a relative one is to be ignored
            return shared_folder / "rebond"
        home = Path(self.environment.get("HOME") or Path.home())
        return (Path(pwd.getpwuid(0).pw_dir) if self._is_anothers(home) else home) / below_home / "rebond"

    def _is_anothers(self, folder: Path) -> bool:
        """Say whether root was called by ``sudo -E``, with the folder of a user who could not use what root writes."""
        if os.geteuid() or "SUDO_UID" not in self.environment:
            return False
        try:
            return folder.stat().st_uid != 0
        except OSError:  # it is made then, and is root's
            return False
