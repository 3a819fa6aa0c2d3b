"""What of a snapshot does not come back by ``rebond recover`` itself, and the commands that bring it."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.cli.recovery import in_containers
from rebond.cli.vaults.opening import VaultAtHand
from rebond.config.components import Images, Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceUnreachable, UsageError
from rebond.operations.recovery.plan import LeftOut, RecoveryPlan
from rebond.stack.recovering import leave_out
from rebond.vault.snapshots import SnapshotRecord


class Asked(Struct, frozen=True, kw_only=True):
    """What is to come back: each component from its record, the configuration from ``record``.

    ``target`` is the moment of servers with a log.
    """

    record: SnapshotRecord
    records: Mapping[str, SnapshotRecord]
    target: str


class Coming(Struct, frozen=True, kw_only=True):
    """What the commands for a later moment are made of.

    ``root`` is where the stack will lie, ``path`` its configuration; ``into`` is the server that somebody named.
    ``is_elsewhere`` says that it comes into another folder than its own.
    """

    loaded: Loaded
    asked: Asked
    url: str
    root: Path
    path: Path
    into: str | None
    is_elsewhere: bool

    def is_data_directory(self, name: str) -> bool:
        component = self.loaded.configuration.component.get(name)
        return isinstance(component, Postgres) and component.method == "physical"

    def command_for(self, name: str) -> str:
        """Return what brings a server's databases back: into it when it runs; a data directory before it is started."""
        if self.is_data_directory(name):
            return (
                shlex.join(["rebond", "restore", "--at", self.asked.target, name, "--vault", self.url, "--to"]) + " DIR"
            )
        return shlex.join(["rebond", "restore", self._snapshot_of(name), name, "--in-place", *self.words])

    def command_into(self, name: str) -> str:
        """Return what loads a server's databases into the one that was named, which needs no configuration."""
        into = self.into or "postgresql://USER@HOST:PORT"
        return shlex.join(["rebond", "restore", self._snapshot_of(name), name, "--into", into, "--vault", self.url])

    def command_beside(self, name: str) -> str:
        """Return what brings a component as it was saved, into a folder beside the stack; that works of every kind."""
        folder = f"{self.root}-{name}"
        return shlex.join(["rebond", "restore", self._snapshot_of(name), name, "--to", folder, "--vault", self.url])

    @property
    def words(self) -> tuple[str, ...]:
        return "--vault", self.url, "--config", str(self.path)

    def _snapshot_of(self, name: str) -> str:
        return self.asked.records[name].snapshot.hex()[:12]


def tell_left_out(
    plan: RecoveryPlan, coming: Coming, names: Sequence[str], vault: VaultAtHand
) -> tuple[RecoveryPlan, dict[str, str], in_containers.Commands]:
    """Say of what does not come back now how it does; return the plan with that, and the commands to be said again.

    Among the last ones are those for parts that the run itself may have to leave out.
    """
    away, late = [each.name for each in plan.left_out], [each.name for each in plan.parts if each.is_late]
    inside = in_containers.find_commands(
        () if coming.is_elsewhere else (*away, *late), coming.loaded, vault.live, coming.asked.records, coming.words
    )
    components = coming.loaded.configuration.component
    now = {name: inside.choose(name, components.get(name), coming.loaded) for name in away}
    beside = {
        name: coming.command_beside(name)
        for name in away
        if not (
            now[name] or name in inside.before or (isinstance(components.get(name), Images) and not coming.is_elsewhere)
        )
    }
    left_out = [
        _lie_beside(each, beside[each.name])
        if each.name in beside
        else in_containers.describe(each, inside, now[each.name])
        for each in plan.left_out
    ]
    left_out += [_come_later(name, coming) for name in names]
    return (
        replace(plan, left_out=tuple(left_out)),
        {
            **{name: coming.command_for(name) for name in names},
            **{name: command for name, command in now.items() if command},
            **beside,
        },
        inside,
    )


def refuse_all(left_out: Sequence[LeftOut], coming: Coming, names: Sequence[str]) -> UsageError:
    """Return why nothing comes back, with commands that do it from here: no file of the stack will be there.

    ``names`` are the databases that come by a command of their own.
    """
    if len(left_out) == 1 and not names:
        (alone,) = left_out
        if coming.is_elsewhere or not isinstance(coming.loaded.configuration.component.get(alone.name), Images):
            alone = _lie_beside(alone, coming.command_beside(alone.name))
        return UsageError(alone.template, hint=alone.hint_template, **alone.values)
    commands = [coming.command_beside(each.name) for each in left_out]
    commands += [
        coming.command_for(each) if coming.is_data_directory(each) else coming.command_into(each) for each in names
    ]
    return UsageError(
        "This command brings nothing of {names} back.",
        hint="With: {commands}",
        names=", ".join([*(each.name for each in left_out), *names]),
        commands="\n  → ".join(commands),
    )


def _lie_beside(left: LeftOut, command: str) -> LeftOut:
    return LeftOut(
        name=left.name,
        template=left.template,
        hint_template="Bring it below a directory, and from there into its place: {command}",
        values={**left.values, "command": command},
    )


def _come_later(name: str, coming: Coming) -> LeftOut:
    command = coming.command_for(name)
    if coming.is_data_directory(name):
        return leave_out(
            name,
            SourceUnreachable(
                "It is a data directory, which is laid down with its log and then started.",
                hint="With: {command}",
                command=command,
            ),
        )
    return leave_out(
        name, SourceUnreachable("Its server has to run first.", hint="When it does: {command}", command=command)
    )
