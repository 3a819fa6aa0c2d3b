"""What a restore in place brings back: which components, from which snapshots, and how much that is."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rebond.cli.answering import note
from rebond.cli.choosing import choose_snapshot
from rebond.cli.configured import describe_place, list_places
from rebond.cli.documents import describe_choice
from rebond.cli.invocation import Invocation
from rebond.cli.key_at_hand import find_key
from rebond.cli.opening import VaultAtHand, store_at_hand
from rebond.cli.parts import choose_parts
from rebond.cli.speech import tr
from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import UnknownName, UsageError
from rebond.operations.recovery.choosing import choose_records, find_reference
from rebond.operations.recovery.parts import Source
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.selection import Selection
from rebond.operations.snapshots import list_snapshots, time_of
from rebond.progress import Observer, Silence
from rebond.stack.recovering import holds_data
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish
from rebond.units import format_iso, parse_last_moment
from rebond.vault.access import Vault
from rebond.vault.opening import open_vault
from rebond.vault.pins import Pins
from rebond.vault.snapshots import SnapshotRecord

MAIN = ""


class Sources:
    """The vaults that components come from: the one at hand, and others that are opened when they are needed."""

    def __init__(
        self, invocation: Invocation, loaded: Loaded, main: VaultAtHand, watcher: Observer, closing: ExitStack
    ) -> None:
        self._invocation = invocation
        self._loaded = loaded
        self.main = main
        self._watcher = watcher
        self._closing = closing
        self._vaults: dict[str, Vault] = {MAIN: main.live}
        self._records: dict[str, Sequence[SnapshotRecord]] = {}

    def records(self, name: str = MAIN) -> Sequence[SnapshotRecord]:
        """Return the snapshots of a vault."""
        if name not in self._records:
            self._records[name] = list_snapshots(self.vault(name))
        return self._records[name]

    def vault(self, name: str) -> Vault:
        """Return a vault of the configuration, opened with its own key. Raises ``UnknownName``."""
        if name not in self._vaults:
            self._vaults[name] = self._open(name)
        return self._vaults[name]

    def find(self, name: str, snapshot: str) -> Source:
        """Return a snapshot of a vault, by its id in hexadecimal. Raises ``UnknownName``."""
        for record in self.records(name):
            if record.snapshot.hex() == snapshot:
                return Source(vault=self.vault(name), record=record)
        raise UnknownName(
            "The snapshot {id} is not in the vault any more.",
            hint="'rebond snapshots' lists what there is; forgotten ones are under --trash.",
            id=snapshot,
        )

    def by_component(self, wish: RecoveryWish) -> dict[str, Source]:
        """Return where each component of a wish comes from."""
        return {each.name: self.find(each.vault, each.snapshot) for each in wish.chosen}

    def _open(self, name: str) -> Vault:
        from rebond.cli.apart import with_its_own_key

        place = next((each for each in list_places(self._loaded) if each.name == name), None)
        if place is None:
            raise UnknownName(
                "The configuration names no vault '{name}', and a part of the stack is kept there.",
                hint="Bring it back into [vaults.{name}] of the configuration.",
                name=name,
            )
        configured = describe_place(self._loaded, place)
        store = self._closing.enter_context(store_at_hand(self._invocation, configured.address))
        key = find_key(with_its_own_key(self._invocation, configured), configured)
        pins = Pins(self._invocation.state_folder / "vaults")
        opened = open_vault(store, key, pins=pins, notice=self._watcher.noticed)
        return Vault(
            store=store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self._invocation.cache_folder / "vaults",
            report=self._watcher.noticed,
        )


def choose_parts_to_bring(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    words: Sequence[str],
    moment: str | None,
    wishes: Mapping[str, Any],
) -> RecoveryWish:
    """Return what is wanted, with its sizes; say what was chosen. Raises ``UnknownName`` and ``UsageError``."""
    stack = wishes["stack"] or loaded.configuration.stack.name
    target = ""
    if moment is None:
        record = choose_snapshot(sources.main, words[0] if words else "latest", stack=stack)
        note(invocation, describe_choice(record, SystemClock().now_ms()))
        names, records = words[1:], {each.name: record for each in record.catalog.components}
    else:
        now_ms = SystemClock().now_ms()
        is_latest = moment == "latest"
        until_ms = now_ms if is_latest else parse_last_moment(moment, now_ms=now_ms, zone=sources.main.configured.zone)
        target = "latest" if is_latest else format_iso(until_ms)
        names, records = words, choose_records(sources.records(), until_ms, stack=stack)
        if not records:
            raise UnknownName(
                "There is no whole snapshot of this stack of that moment or earlier.",
                hint="'rebond snapshots' lists them with their times.",
            )
        record = max(records.values(), key=time_of)
    picked = choose_parts(invocation, record, names, wishes["include"])
    wanted = picked.components or tuple(records)
    chosen = [
        part
        for name in wanted
        if (part := _choose(invocation, loaded, sources, name, records, picked.include, wishes, target)) is not None
    ]
    if not chosen:
        raise UnknownName(
            "Nothing in this snapshot is what was asked for.", hint="'rebond ls -r SNAPSHOT' lists what it holds."
        )
    return RecoveryWish(
        chosen=tuple(chosen),
        scenario=wishes.get("scenario") or "",
        keeps_owner=not wishes["no_owner"],
        workers=wishes["jobs"],
    )


def choose_all(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    records: Mapping[str, SnapshotRecord],
    target: str,
) -> tuple[ChosenPart, ...]:
    """Return components, whole, each from its own snapshot. Raises ``UsageError`` when there is none."""
    parts = (
        _choose(invocation, loaded, sources, name, records, (), {"include": (), "exclude": ()}, target)
        for name in records
    )
    chosen = tuple(each for each in parts if each is not None)
    if not chosen:
        raise UsageError(
            "The snapshot {id} holds nothing that this configuration has a place for.",
            hint="'rebond ls -r SNAPSHOT' lists what it holds.",
            id=next((each.snapshot.hex()[:12] for each in records.values()), "–"),
        )
    return chosen


def _choose(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    name: str,
    records: Mapping[str, SnapshotRecord],
    include: Sequence[str],
    wishes: Mapping[str, Any],
    target: str = "",
) -> ChosenPart | None:
    """Return one component as it is wanted; ``None`` when nothing of it is, or it holds nothing."""
    component = loaded.configuration.component.get(name)
    if name not in records:
        raise UnknownName(
            "The snapshot has no component {missing}.",
            hint="It has: {known}.",
            missing=name,
            known=", ".join(sorted(records)),
        )
    if component is None:
        note(
            invocation,
            tr("{component} is not in the configuration, so it has no place to come back to.", component=name),
        )
        return None
    if not holds_data(component):
        return None
    vault, source = _follow(sources, name, records[name])
    summary = next(each for each in source.record.catalog.components if each.name == name)
    if not summary.complete:
        raise UsageError(
            "The component {component} is not whole in the snapshot {id}.",
            hint="Choose another snapshot: 'rebond snapshots --component {component}' lists them.",
            component=name,
            id=source.record.snapshot.hex()[:12],
        )
    files, size_bytes = summary.files, summary.bytes
    if include or wishes["exclude"]:
        found = _measure(source, name, include, wishes["exclude"])
        if found is None:
            return None
        files, size_bytes = found
    prefix = f"/{name}/"
    return ChosenPart(
        name=name,
        snapshot=source.record.snapshot.hex(),
        moment_ms=time_of(source.record),
        vault=vault,
        include=tuple(include),
        exclude=tuple(wishes["exclude"]),
        parts=tuple(each.removeprefix(prefix) for each in include if each.startswith(prefix) and not wishes["include"]),
        files=files,
        bytes=size_bytes,
        target=target if isinstance(component, Postgres) and component.wal else "",
    )


def _follow(sources: Sources, name: str, record: SnapshotRecord) -> tuple[str, Source]:
    """Return the vault's name and the snapshot that really hold a component."""
    reference = find_reference(sources.main.live, record, name)
    if reference is None:
        return MAIN, Source(vault=sources.main.live, record=record)
    vault = str(reference.get("vault", ""))
    vault = MAIN if vault == "vault" else vault
    return vault, sources.find(vault, str(reference.get("snapshot", "")))


def _measure(source: Source, name: str, include: Sequence[str], exclude: Sequence[str]) -> tuple[int, int] | None:
    """Return how many files and bytes of a component are wanted; ``None`` for none."""
    request = RestoreRequest(
        target=b"/nonexistent",
        components=(name,),
        selection=Selection.from_flags(include, exclude),
        dry_run=True,
    )
    try:
        outcome = restore(source.vault, source.record, request, Silence())
    except UnknownName:
        return None
    return outcome.files, outcome.bytes
