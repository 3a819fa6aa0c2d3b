"""What of a stack lies in containers: on a bare machine it comes back by commands, when the engine is ready for it."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rebond.config.components import Component, Images
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit, SourceUnreachable
from rebond.operations.browsing import children, root_of
from rebond.operations.recovery.plan import LeftOut
from rebond.stack.contained_places import lies_inside
from rebond.stack.copying_inside import copy_line, holds_only_its_file, keeps_in_itself
from rebond.stack.recovering import leave_out
from rebond.stack.whereabouts import find_engine
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_ARCHIVE = b".tar"


class Commands(Struct, frozen=True, kw_only=True):
    """What brings components back by hand: what services need ``before`` they start, and what comes ``after`` that.

    ``copies`` do it where a container keeps the files of a component in itself, which nothing else does.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]
    copies: Mapping[str, str]

    def choose(self, name: str, component: Component | None, loaded: Loaded) -> str:
        """Return what brings a component back, as its container is now; empty for none."""
        if name in self.copies and component is not None and keeps_in_itself(name, component, loaded):
            return self.copies[name]
        return self.after.get(name, "")


def find_commands(
    names: Iterable[str],
    loaded: Loaded,
    vault: Vault,
    records: Mapping[str, SnapshotRecord],
    words: Sequence[str],
) -> Commands:
    """Return the commands for those of ``names`` that are images, or lie in containers.

    ``words`` name vault and configuration to a restore, the vault first.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    copies: dict[str, str] = {}
    for name in names:
        component = loaded.configuration.component.get(name)
        record = records.get(name)
        if record is None:
            continue
        if isinstance(component, Images):
            if command := " && ".join(_list_loads(name, loaded, vault, record, words[:2])):
                before[name] = command
        elif component is not None and lies_inside(component):
            after[name] = shlex.join(["rebond", "restore", _short(record), name, "--in-place", *words])
            if component.inside is not None:
                copies[name] = _copy(name, component, loaded, vault, record, words[:2])
    return Commands(before=before, after=after, copies=copies)


def _copy(
    name: str, component: Component, loaded: Loaded, vault: Vault, record: SnapshotRecord, words: Sequence[str]
) -> str:
    """Return the line that brings a component beside the stack, and from there into its container."""
    folder = f"{loaded.root}-{name}"
    restored = shlex.join(["rebond", "restore", _short(record), name, "--to", folder, *words])
    copied = copy_line(name, component, loaded, folder, is_single=_is_single(name, component, vault, record))
    return f"{restored} && {copied}" if copied else restored


def _is_single(name: str, component: Component, vault: Vault, record: SnapshotRecord) -> bool:
    with SnapshotReader(vault, record) as reader:
        return holds_only_its_file(name, component, reader)


def describe(left: LeftOut, commands: Commands, command: str) -> LeftOut:
    """Say of a component what ``command`` brings it back, and when; as it was where none does."""
    if loading := commands.before.get(left.name):
        return leave_out(
            left.name,
            SourceUnreachable(
                "These images are in no registry, and the services need them before they start.",
                hint="Before you go on: {command}",
                command=loading,
            ),
        )
    if command:
        values = {**left.values, "command": command}
        if "{command}" in left.hint_template:
            return replace(left, values=values)
        return LeftOut(
            name=left.name,
            template=left.template,
            hint_template="When that has changed: {command}",
            values=values,
        )
    return left


def _list_loads(name: str, loaded: Loaded, vault: Vault, record: SnapshotRecord, words: Sequence[str]) -> Iterator[str]:
    """Yield a command for each image that was saved whole."""
    try:
        engine = find_engine(loaded)
    except SourceUnfit:  # it is missing here still, and said to be
        engine = "docker"
    with SnapshotReader(vault, record) as reader:
        for found in (each for each in reader.components if each.name == name):
            for item in children(reader, root_of(found)):
                if item.path.endswith(_ARCHIVE):
                    path = f"{name}/{item.path.decode(errors='surrogateescape')}"
                    yield f"{shlex.join(['rebond', 'cat', _short(record), path, *words])} | {engine} load"


def _short(record: SnapshotRecord) -> str:
    return record.snapshot.hex()[:12]
