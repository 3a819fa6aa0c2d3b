"""Which snapshots a drill restores: the one that is named, and those of the components that lie elsewhere."""

import contextlib
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.others import open_by_name
from rebond.cli.witness import Watcher
from rebond.config.components import NOTHING_TO_SAVE, Versioned
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.snapshots import list_snapshots, time_of
from rebond.stack.drills.planning import Source
from rebond.stack.objectives.ages import find_newest
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


class Sources(Struct, frozen=True, kw_only=True):
    """What is restored, and what is known beforehand not to be."""

    found: tuple[Source, ...]
    records: tuple[SnapshotRecord, ...]  # of all vaults, for the age of each component
    main_records: tuple[SnapshotRecord, ...] = ()  # of the main vault, which has the logs
    checks: tuple[Check, ...] = ()

    def limited_to(self, names: Sequence[str]) -> "Sources":
        """Return only some components, where any are named."""
        if not names:
            return self
        kept = [
            replace(each, components=tuple(name for name in each.components if name in names)) for each in self.found
        ]
        return replace(
            self,
            found=tuple(each for each in kept if each.components),
            checks=tuple(each for each in self.checks if each.subject in names),
        )


def find_sources(
    invocation: Invocation,
    vault: Vault,
    record: SnapshotRecord,
    loaded: Loaded | None,
    watcher: Watcher,
    held: contextlib.ExitStack,
) -> Sources:
    """Return the snapshot's own components, and those of the configuration that it does not hold itself.

    Of these the newest snapshot that is not younger is taken; vaults that are kept apart are opened in ``held``.
    """
    records = list_snapshots(vault)
    apart = _find_apart(loaded)
    own = tuple(each.name for each in record.catalog.components if each.name not in apart)
    found, checks = [Source(vault=vault, record=record, components=own)], []
    others = list(records)
    if loaded is not None:
        stack = loaded.configuration.stack.name
        wanted = [name for name in _list_saved(loaded) if name not in own and name not in apart]
        found += _choose(vault, [each for each in records if each.catalog.stack == stack], record, wanted)
        for name in dict.fromkeys(apart.values()):
            members = [component for component, place in apart.items() if place == name]
            try:
                other = held.enter_context(open_by_name(invocation, loaded, name, watcher))
                there = [each for each in list_snapshots(other) if each.catalog.stack == stack]
            except RebondError as error:
                checks += [_say_not_opened(member, name, error) for member in members]
                continue
            others += there
            chosen = _choose(other, there, None, members)
            found += chosen
            had = {each for source in chosen for each in source.components}
            checks += [_say_never_saved(member) for member in members if member not in had]
        had = {each for source in found for each in source.components}
        checks += [_say_never_saved(name) for name in wanted if name not in had]
    return Sources(found=tuple(found), records=tuple(others), main_records=tuple(records), checks=tuple(checks))


def _find_apart(loaded: Loaded | None) -> dict[str, str]:
    """Return the vault of each component that is kept apart."""
    if loaded is None:
        return {}
    return {name: each.vault for name, each in loaded.configuration.component.items() if each.vault is not None}


def _list_saved(loaded: Loaded) -> list[str]:
    """Return the components of which something is to be saved."""
    skipped = (*NOTHING_TO_SAVE, Versioned)
    return [name for name, each in loaded.configuration.component.items() if not isinstance(each, skipped)]


def _choose(
    vault: Vault, records: Sequence[SnapshotRecord], beside: SnapshotRecord | None, names: Sequence[str]
) -> list[Source]:
    """Return for each component the newest snapshot that holds it whole, put together by snapshot."""
    fitting = [each for each in records if beside is None or time_of(each) <= time_of(beside)] or list(records)
    newest = find_newest(fitting, vault.clock.now_ms())
    chosen: dict[bytes, list[str]] = {}
    by_name = {record.snapshot: record for record in records}
    for name in names:
        if name in newest:
            chosen.setdefault(newest[name].snapshot, []).append(name)
    return [
        Source(vault=vault, record=record, components=tuple(chosen[snapshot]))
        for snapshot, record in by_name.items()
        if snapshot in chosen
    ]


def _say_not_opened(component: str, vault: str, error: RebondError) -> Check:
    return Check(
        code="restored",
        subject=component,
        answer=Answer.NOT_RUN,
        template="It lies in the vault {vault}, which could not be opened: {reason}",
        hint_template="Run the drill where the key of that vault is.",
        values={"vault": vault, "reason": error},
    )


def _say_never_saved(component: str) -> Check:
    return Check(
        code="restored",
        subject=component,
        answer=Answer.FAIL,
        template="No snapshot holds it.",
        hint_template="Save it: rebond backup",
    )
