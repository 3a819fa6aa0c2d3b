"""Make a vault where nothing is, in an order that may be cut anywhere (format page, section 3).

Papers, slots, keyring and roster are put first, ``vault.json`` last and if-absent: it is what
makes the place a vault. Cut before it, nothing is there to be opened and the same command makes a
vault: the remains have other ids or are not signed by its owner, so they count for nothing, and
they are cleared away once the new vault stands. Of two creators that race one wins whole; the
other clears its own objects away and is told that there is a vault.
"""

import contextlib
import os
import re
from collections.abc import Callable
from typing import ClassVar

import msgspec

from rebond.clock import Clock
from rebond.errors import ObjectExists, ObjectMissing, Refused, StoreError, StoreUnfit, UsageError, VaultExists
from rebond.identifiers import DomainId, MemberId, VaultId, random_id
from rebond.secret import Reserved
from rebond.store.protocol import Store
from rebond.store.proving import StoreProof
from rebond.vault.credentials import Credentials, Role
from rebond.vault.description import DESCRIPTION_NAME, VaultDescription, build_description, parse_description
from rebond.vault.headers import HEADER_SIZE
from rebond.vault.keyring import KEYRING_PREFIX, KeyringSecrets, OpenKeyring, build_keyring
from rebond.vault.local_vaults import find_vault_around
from rebond.vault.members import owner_credentials
from rebond.vault.numbered_objects import list_numbered
from rebond.vault.papers import VaultPapers, load_papers, put_papers
from rebond.vault.primitives import sealing_public_bytes, signing_key
from rebond.vault.recovery_keys import KEY_SIZE, print_recovery_key
from rebond.vault.roster import ROSTER_PREFIX, Domain, Member, Roster, build_roster
from rebond.vault.signed_objects import put_once
from rebond.vault.slots import (
    DEFAULT_COST,
    Argon2Cost,
    NewSlot,
    SlotSecret,
    key_file_secret,
    make_slot,
    recovery_key_secret,
)
from rebond.vault.spare_copies import put_spare, spare_name

_ATTEMPTS = 16
_REMAINS = re.compile(
    r"(README\.txt|VAULT-FORMAT\.md|rescue/[^/]+|(spare/)?(keys/[0-9a-f]{32}|keyring/[1-9][0-9]{0,17}|roster/[1-9][0-9]{0,17})|probe/.+)"
)
_CLEARED = re.compile(r"((spare/)?(keys|keyring|roster)|probe)/.+")


class Created(Reserved, frozen=True, kw_only=True):
    """A new vault. ``recovery_key`` is printable and is kept nowhere: show it now."""

    SHOWN: ClassVar[tuple[str, ...]] = ("description", "credentials")

    description: VaultDescription
    credentials: Credentials
    keyring: OpenKeyring
    roster: Roster
    recovery_key: str

    @property
    def vault_id(self) -> VaultId:
        """The vault's id."""
        return self.description.vault_id


def new_key_file() -> bytes:
    """Make the content of a key file: 32 random bytes. Write it with ``write_secret_file`` before it is used."""
    return os.urandom(KEY_SIZE)


def create_vault(
    store: Store,
    *,
    clock: Clock,
    proof: StoreProof,
    passphrase: SlotSecret | None = None,
    key_file: bytes | None = None,
    recovery_key: bytes | None = None,
    owner_label: str = "owner",
    cost: Argon2Cost = DEFAULT_COST,
    papers: VaultPapers | None = None,
) -> Created:
    """Make a vault that ``passphrase``, ``key_file`` (each if given) and a recovery key open.

    ``proof`` is what the store proved; it is written into ``vault.json`` for ever. A recovery key
    is made unless one is given. Raises ``VaultExists`` when there is a vault, ``Refused`` when the
    place holds anything else, ``StoreUnfit`` when the store broke a promise that has no rule of
    its own. May be run again after a crash.
    """
    _require_sound(proof)
    remains = require_free_place(store)
    now_ms = clock.now_ms()
    vault_id, secrets, domain = VaultId(random_id()), *_make_secrets()
    owner_key = signing_key(secrets.owner_seed)
    description = build_description(vault_id, owner_key, now_ms, proof.to_plain())
    printed = print_recovery_key(recovery_key or os.urandom(KEY_SIZE))
    offered = [secret for secret in (passphrase, recovery_key_secret(printed)) if secret is not None]
    if key_file is not None:
        offered.append(key_file_secret(key_file))
    slots = [
        make_slot(vault_id, secrets.owner_verify_key, secret, now_ms=now_ms, label=secret.method.value, cost=cost)
        for secret in offered
    ]
    papers = papers if papers is not None else load_papers()
    put_papers(store, papers)
    ours: list[str] = []
    keyring = _put_keys(store, vault_id, secrets, slots, parse_description(description), ours)
    first = _first_roster(vault_id, secrets, domain, owner_label, papers, now_ms)
    roster = _put_first_roster(store, first, secrets, ours)
    _claim_place(store, description, ours)
    _clear_away(store, remains, vault_id)
    return Created(
        description=parse_description(description),
        credentials=owner_credentials(secrets, roster),
        keyring=keyring,
        roster=roster,
        recovery_key=printed,
    )


def require_free_place(store: Store) -> tuple[str, ...]:
    """Return what an earlier attempt left. Raises ``VaultExists``, and ``Refused`` when there is anything else.

    That is also whatever lies in another vault: its keepers would find objects there that nobody knows.
    """
    around = find_vault_around(os.path.dirname(store.location)) if os.path.isabs(store.location) else None
    if around is not None:
        raise Refused(
            "{location} lies in the vault at {vault}; nothing else may be made there.",
            hint="Choose a place outside of every vault.",
            location=store.location,
            vault=around,
        )
    for name in (DESCRIPTION_NAME, spare_name(DESCRIPTION_NAME)):
        with contextlib.suppress(ObjectMissing):
            store.stat(name)  # asked first: in a listing other objects of a vault come before it
            raise _exists(store)
    remains = []
    for info in store.list_objects():
        if not _REMAINS.fullmatch(info.name):
            raise Refused(
                "{location} is not empty: it holds {name}, and no vault.",
                hint="Choose an empty place. If a vault was here, put its vault.json back from a copy.",
                location=store.location,
                name=info.name,
            )
        remains.append(info.name)
    return tuple(name for name in remains if _CLEARED.fullmatch(name))


def _require_sound(proof: StoreProof) -> None:
    if not proof.is_sound:
        broken = next(promise for promise in proof.broken if promise.code not in {"put-if-absent", "race", "clock"})
        raise StoreUnfit(
            "{location} cannot hold a vault: {reason}",
            hint="Choose another place, or another server, for the vault.",
            location=proof.location,
            reason=broken.words,
        )


def _exists(store: Store) -> VaultExists:
    return VaultExists(
        "There is a vault at {location} already.",
        hint="Use it as it is ('rebond snapshots'), or choose another place.",
        location=store.location,
    )


def _make_secrets() -> tuple[KeyringSecrets, DomainId]:
    domain = DomainId(random_id(8))
    return KeyringSecrets(
        owner_seed=os.urandom(32),
        sealing_seeds={1: os.urandom(32)},
        catalog_roots=(os.urandom(32),),
        domain_secrets={domain: os.urandom(32)},
    ), domain


def _put_keys(
    store: Store,
    vault_id: VaultId,
    secrets: KeyringSecrets,
    slots: list[NewSlot],
    description: VaultDescription,
    ours: list[str],
) -> OpenKeyring:
    for slot in slots:
        _put_with_copy(store, slot.name, slot.content, ours)
    trusted = {slot.id: slot.public for slot in slots}

    def build(number: int) -> bytes:
        return build_keyring(vault_id, number, secrets, trusted, description.hash)

    return OpenKeyring(
        vault_id=vault_id,
        number=_put_numbered(store, KEYRING_PREFIX, build, ours),
        secrets=secrets,
        trusted=trusted,
        description_hash=description.hash,
        opened_by=slots[0].id,
        slot_seed=slots[0].seed,
    )


def _first_roster(
    vault_id: VaultId, secrets: KeyringSecrets, domain: DomainId, label: str, papers: VaultPapers, now_ms: int
) -> Roster:
    owner = Member(
        id=MemberId(random_id(8)),
        role=Role.OWNER.value,
        label=label,
        verify_key=secrets.owner_verify_key,
        domains=(domain,),
    )
    return Roster(
        number=1,
        vault_id=vault_id,
        made_ms=now_ms,
        members=(owner,),
        domains=(Domain(id=domain),),
        sealing_public=sealing_public_bytes(secrets.sealing_seeds[1]),
        epoch=1,
        rescue=papers.list_hashes(),
    )


def _put_first_roster(store: Store, roster: Roster, secrets: KeyringSecrets, ours: list[str]) -> Roster:
    owner_key = signing_key(secrets.owner_seed)
    number = _put_numbered(
        store, ROSTER_PREFIX, lambda number: build_roster(_numbered(roster, number), owner_key), ours
    )
    return _numbered(roster, number)


def _put_numbered(store: Store, prefix: str, build: Callable[[int], bytes], ours: list[str]) -> int:
    """Put ``build(N)`` under the lowest N above all that is there, and return N."""
    for _ in range(_ATTEMPTS):
        taken = list_numbered(store, prefix).numbers
        number = max(taken, default=0) + 1
        try:
            _put_with_copy(store, f"{prefix}{number}", build(number), ours)
        except ObjectExists:
            continue
        return number
    raise UsageError(
        "Somebody else is writing below {prefix} in {location}.",
        hint="Wait until that has ended, then run the same command again.",
        prefix=prefix,
        location=store.location,
    )


def _put_with_copy(store: Store, name: str, content: bytes, ours: list[str]) -> None:
    put_once(store, name, content)
    ours += [name, spare_name(name)]
    put_spare(store, name, content)


def _claim_place(store: Store, description: bytes, ours: list[str]) -> None:
    """Put ``vault.json``: from here on there is a vault. Whoever comes second clears its objects away.

    Its copy comes after it: a copy without it says that a vault was there and lost it.
    """
    try:
        put_once(store, DESCRIPTION_NAME, description)
    except ObjectExists as error:
        for name in ours:
            with contextlib.suppress(StoreError):  # remains do no harm: nothing of the other vault names them
                store.delete(name)
        raise _exists(store) from error
    put_spare(store, DESCRIPTION_NAME, description)


def _clear_away(store: Store, remains: tuple[str, ...], vault_id: VaultId) -> None:
    """Delete what earlier attempts left: objects whose header does not name the vault that stands."""
    for name in remains:
        # Remains do no harm, and a store may forbid deleting: then they stay and are reported as strays.
        with contextlib.suppress(StoreError):
            if store.stat(name).size < HEADER_SIZE or store.read(name, length=HEADER_SIZE)[8:24] != vault_id:
                store.delete(name)


def _numbered(roster: Roster, number: int) -> Roster:
    return msgspec.structs.replace(roster, number=number)
