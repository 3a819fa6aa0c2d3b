"""One thing that a check saw, and the scene that checks look at."""

import enum
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rebond.clock import Clock
from rebond.config.model import Configuration, Loaded
from rebond.config.places import Problem


class Weight(enum.StrEnum):
    """How much it matters."""

    NOTE = "note"  # a fact; nothing is to be done
    WARNING = "warning"  # a backup works, and something about it is not as it should be
    FAILURE = "failure"  # a backup or a restore would fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen. ``template`` is an English template filled with ``values``, which may be errors too.

    ``command`` mends it: one line for a shell; empty for notes. ``is_safe`` says that it takes nothing away from
    anybody, so that ``--fix`` may run it.
    """

    check: str
    code: str
    weight: Weight
    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    is_safe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What checks look at. ``environment`` is that of this run, without the stack's files of variables.

    ``user`` and ``uid`` are those of this run; commands in the configuration run as them.
    """

    path: Path
    loaded: Loaded
    problems: tuple[Problem, ...]
    environment: Mapping[str, str] = field(repr=False)
    clock: Clock
    state_folder: Path
    cache_folder: Path
    user: str
    uid: int

    @property
    def configuration(self) -> Configuration:
        """What the file says."""
        return self.loaded.configuration

    @property
    def is_root(self) -> bool:
        """Whether this runs as root."""
        return self.uid == 0

    def command(self, *words: str | Path) -> str:
        """Return a line for a shell."""
        return shlex.join(map(str, words))

    def root_command(self, *words: str | Path) -> str:
        """Return a line that needs root's rights."""
        return self.command(*words) if self.is_root else self.command("sudo", *words)


Check = Callable[[Scene], Iterable[Observation]]
