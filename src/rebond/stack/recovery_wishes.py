"""What is asked for when a stack comes back, and what that is planned with."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.plan import Expect, expect_nothing


class ChosenPart(Struct, frozen=True, kw_only=True):
    """A component that is to come back: from which snapshot, and what of it.

    ``snapshot`` is its id in hexadecimal, ``vault`` the name of another vault than the main one. ``parts`` are the
    pieces of it that were named, such as single services; ``target`` the moment of a server with a log, else that of
    the snapshot. ``tables`` and ``schemas`` are those of a database that come back alone.
    """

    name: str
    snapshot: str
    moment_ms: int
    vault: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    target: str = ""
    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether only a piece of the component was named: then nothing else is made anew for it."""
        return bool(self.parts or self.include or self.tables or self.schemas)


class RecoveryWish(Struct, frozen=True, kw_only=True):
    """What is asked for, in a form that can be written down and read again.

    ``is_bare`` says that nothing of the stack is on this machine yet.

    ``takes_other_cluster`` says that a data directory of another PostgreSQL cluster may be set aside too.

    ``to`` is another folder in the place of the stack's root; empty for the configured places. Without
    ``runs_commands`` nothing is stopped, rebuilt, started or asked: for a place that nobody uses.
    """

    chosen: tuple[ChosenPart, ...]
    scenario: str = ""
    to: str = ""
    runs_commands: bool = True
    is_bare: bool = False
    keeps_owner: bool = True
    takes_other_cluster: bool = False
    workers: int = 2


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a plan is made with. ``folder_of`` gives a part a folder of its own, that outlives a crash.

    ``sources`` are by component; empty when nothing is fetched any more. ``untouchable`` are paths that no restore
    may move: the vault, what this machine remembers.
    """

    run: str
    folder_of: Callable[[str], Path]
    sources: Mapping[str, Source] = field(default_factory=dict)
    untouchable: Sequence[bytes] = ()
    expect: Expect = expect_nothing
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
