"""The vaults that components come back from: the one at hand, and others that are opened when they are needed."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rebond.cli.configuration.at_hand import describe_place, list_places
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import tr
from rebond.cli.vaults.key_at_hand import ask, find_key
from rebond.cli.vaults.opening import VaultAtHand, limited_store_at_hand
from rebond.cli.vaults.others import name_variable, open_live, with_its_own_key
from rebond.config.model import Loaded
from rebond.errors import RebondError, RoleTooSmall, UnknownName, UsageError, WrongKey
from rebond.operations.recovery.last_reader import LastReader
from rebond.operations.recovery.parts import Source
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Observer
from rebond.stack.recovery_wishes import RecoveryWish
from rebond.vault.access import Vault
from rebond.vault.member_files import MemberFileSecret
from rebond.vault.slots import SlotSecret, secret_from_text
from rebond.vault.snapshots import SnapshotRecord

MAIN = ""


class Sources:
    """Gives each component its vault. ``left_out`` says which could not be had; each names its component."""

    def __init__(
        self, invocation: Invocation, loaded: Loaded, main: VaultAtHand, watcher: Observer, closing: ExitStack
    ) -> None:
        """Raises ``RoleTooSmall`` when the key at hand may read nothing."""
        require_reading(main.live)
        self._invocation = invocation
        self._loaded = loaded
        self.main = main
        self.left_out: list[RebondError] = []
        self._watcher = watcher
        self._closing = closing
        self._readers = LastReader()
        closing.callback(self._readers.close)
        self._vaults: dict[str, Vault] = {MAIN: main.live}
        self._records: dict[str, Sequence[SnapshotRecord]] = {}

    def records(self, name: str = MAIN) -> Sequence[SnapshotRecord]:
        """Return the snapshots of a vault."""
        if name not in self._records:
            self._records[name] = list_snapshots(self.vault(name))
        return self._records[name]

    def vault(self, name: str) -> Vault:
        """Return a vault of the configuration, opened with its own key. Raises ``UnknownName`` and ``VaultError``."""
        if name not in self._vaults:
            self._vaults[name] = self._open(name)
        return self._vaults[name]

    def find(self, name: str, snapshot: str) -> Source:
        """Return a snapshot of a vault, by its id in hexadecimal. Raises ``UnknownName``."""
        for record in self.records(name):
            if record.snapshot.hex() == snapshot:
                return self.source_of(name, record)
        raise UnknownName(
            "The snapshot {id} is not in the vault any more.",
            hint="'rebond snapshots' lists what there is; forgotten ones are under --trash.",
            id=snapshot,
        )

    def source_of(self, name: str, record: SnapshotRecord) -> Source:
        """Return a snapshot of a vault as a source; the one that was read last stays open from step to step."""
        return Source(vault=self.vault(name), record=record, readers=self._readers)

    def by_component(self, wish: RecoveryWish) -> dict[str, Source]:
        """Return where each component of a wish comes from."""
        return {each.name: self.find(each.vault, each.snapshot) for each in wish.chosen}

    def leave_out(self, component: str, vault: str, error: RebondError) -> None:
        """Note that a component cannot be had, with what would help."""
        told = RoleTooSmall(
            "{component} is kept apart in the vault {vault}, which could not be read: {reason}",
            hint="Give the owner's secret of that vault for one run, in {file} or {passphrase}, to: "
            "rebond restore latest {component} --in-place",
            component=component,
            vault=vault,
            reason=error,
            file=name_variable("REBOND_KEY_FILE", vault),
            passphrase=name_variable("REBOND_PASSPHRASE", vault),
        )
        self.left_out.append(type(error)(told.template, hint=told.hint_template, **told.values))

    def _open(self, name: str) -> Vault:
        place = next((each for each in list_places(self._loaded) if each.name == name), None)
        if place is None:
            raise UnknownName(
                "The configuration names no vault '{name}', and a part of the stack is kept there.",
                hint="Bring it back into [vaults.{name}] of the configuration.",
                name=name,
            )
        configured = describe_place(self._loaded, place)
        store = self._closing.enter_context(limited_store_at_hand(self._invocation, configured))

        def open_with(key: SlotSecret | MemberFileSecret) -> Vault:
            vault = open_live(self._invocation, store, key, self._watcher.noticed)
            require_reading(vault)
            return vault

        try:
            return open_with(find_key(with_its_own_key(self._invocation, configured), configured))
        except (UsageError, WrongKey, RoleTooSmall):
            if not sys.stdin.isatty():
                raise
        question = tr("Passphrase or recovery key of the vault {name}: ", name=name)
        return open_with(secret_from_text(ask(question).reveal().decode("utf-8", "surrogateescape")))


def require_reading(vault: Vault) -> None:
    """Raise ``RoleTooSmall`` where the key at hand may read nothing: nothing can come back by it."""
    if vault.can_read():
        return
    raise RoleTooSmall(
        "The key at hand is a {role}'s: it can read nothing, so nothing can come back by it.",
        hint="Give the owner's secret for this one run: REBOND_KEY_FILE=FILE, or REBOND_PASSPHRASE with the "
        "passphrase or the recovery key of the kit.",
        role=vault.credentials.role.value,
    )


@contextmanager
def sources_of(invocation: Invocation, loaded: Loaded, vault: VaultAtHand, watcher: Observer) -> Iterator[Sources]:
    """Give the vaults that components may come from; others than the main one are closed in the end."""
    with ExitStack() as others:
        yield Sources(invocation, loaded, vault, watcher, others)
