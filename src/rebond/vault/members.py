"""Issue and revoke writers and keepers (format page, sections 2, 3 and 14).

Order of the puts: the keyring with a new domain's secret first, then the roster that names the
domain. A crash between them leaves a secret that nobody uses; the other order would leave a
domain that nobody can ever read. The member's file is the last thing to be written, by the
caller: a member without a file is harmless and can be revoked.
"""

import functools
import os
from collections.abc import Callable, Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from rebond.clock import Clock
from rebond.errors import Refused, UnknownName, UsageError
from rebond.identifiers import DomainId, MemberId, random_id
from rebond.secret import Reserved
from rebond.store.protocol import Store
from rebond.vault.credentials import CatalogKeys, Credentials, DomainKeys, Role
from rebond.vault.keyring import KeyringSecrets, OpenKeyring, change_keyring
from rebond.vault.member_files import MemberFile, build_member_file
from rebond.vault.primitives import signing_key, verify_key
from rebond.vault.roster import Domain, Member, Roster, Untrusted, change_roster
from rebond.vault.slots import DEFAULT_COST, Argon2Cost, SlotSecret

_LABEL_LIMIT = 256
_FEWEST_DIGITS = 8  # of an id, as lists show it


class IssuedMember(Reserved, frozen=True, kw_only=True):
    """A member that now exists; ``content`` is its file, to be written with ``write_secret_file``."""

    SHOWN: ClassVar[tuple[str, ...]] = ("member", "credentials", "roster", "keyring")

    member: Member
    content: bytes
    credentials: Credentials
    roster: Roster
    keyring: OpenKeyring


class RevokedMember(Struct, frozen=True, kw_only=True):
    """What revoking did. ``need_new_files`` are the other members whose domain was closed with it.

    ``keyring`` is the newest, with the domain that the owner may have been given.
    """

    member: Member
    closed_domains: tuple[DomainId, ...]
    need_new_files: tuple[Member, ...]
    roster: Roster
    keyring: OpenKeyring


def issue_writer(
    store: Store,
    keyring: OpenKeyring,
    roster: Roster,
    *,
    label: str,
    clock: Clock,
    share_domain: DomainId | None = None,
    address: str = "",
    passphrase: SlotSecret | None = None,
    cost: Argon2Cost = DEFAULT_COST,
) -> IssuedMember:
    """Make a writer with a domain of its own, or in ``share_domain`` with a private one beside it.

    Raises ``UsageError`` for a label in use, ``UnknownName`` for a domain that is not open.
    """
    _require_free_label(roster, label)
    if share_domain is not None:
        _require_open(roster, share_domain)
    private = DomainId(random_id(8))
    domains = (private,) if share_domain is None else (share_domain, private)
    secret = os.urandom(32)
    keyring = change_keyring(store, keyring, lambda current: _with_domain(current, private, secret))
    wanted = _Wanted(role=Role.WRITER, label=label, address=address, domains=domains, new_domains=(private,))
    return _issue(store, keyring, roster, wanted, clock, passphrase, cost)


def issue_keeper(
    store: Store,
    keyring: OpenKeyring,
    roster: Roster,
    *,
    label: str,
    clock: Clock,
    address: str = "",
    passphrase: SlotSecret | None = None,
    cost: Argon2Cost = DEFAULT_COST,
) -> IssuedMember:
    """Make a keeper: it cleans up and verifies with the catalog roots alone.

    Raises ``UsageError`` for a label in use.
    """
    _require_free_label(roster, label)
    keyring = change_keyring(store, keyring, lambda newest: newest)  # a keeper needs every catalog root
    wanted = _Wanted(role=Role.KEEPER, label=label, address=address)
    return _issue(store, keyring, roster, wanted, clock, passphrase, cost)


def revoke_member(
    store: Store,
    keyring: OpenKeyring,
    roster: Roster,
    member_id: MemberId,
    *,
    clock: Clock,
    was_stolen_since_ms: int | None = None,
) -> RevokedMember:
    """End a member; records that it puts from now on are foreign. What it could read it can still read.

    Domains that no other member uses are closed. When its file was stolen, give the time since
    which it may have been: then its shared domains are closed too, because the thief can probe
    and poison them, and segments that it put since then are not used any more. The owner, if he shared one, gets a
    new one to write in. May be run again.
    Raises ``UnknownName`` for an unknown member and ``Refused`` for the owner.
    """
    now_ms = clock.now_ms()
    keyrings = [keyring]

    @functools.cache
    def make_domain() -> DomainId:
        domain, secret = DomainId(random_id(8)), os.urandom(32)
        keyrings.append(change_keyring(store, keyring, lambda newest: _with_domain(newest, domain, secret)))
        return domain

    def revoke(current: Roster) -> Roster:
        changed = _revoke(current, _find(current, member_id), now_ms, was_stolen_since_ms)
        return _let_owner_write(changed, make_domain)

    changed = change_roster(
        store, signing_key(keyring.secrets.owner_seed), revoke, at_least=roster.number, now_ms=now_ms
    )
    member = _find(changed, member_id)
    closed = tuple(domain for domain in member.domains if not _is_open(changed, domain))
    losers = tuple(
        other
        for other in changed.members
        if other.id != member_id
        and other.role != Role.OWNER
        and other.revoked_at_ms is None
        and set(other.domains) & set(closed)
    )
    return RevokedMember(
        member=member, closed_domains=closed, need_new_files=losers, roster=changed, keyring=keyrings[-1]
    )


def find_member_by_label(roster: Roster, label: str) -> Member:
    """Return the member with that label, or whose id begins so (8 digits or more).

    One that is not revoked is preferred to the one that was revoked last, so that revoking may be
    run again. Raises ``UnknownName``, and ``UsageError`` where several fit that are not revoked.
    """
    named = [member for member in roster.members if member.label == label]
    if not named and len(label) >= _FEWEST_DIGITS:
        named = [member for member in roster.members if member.id.hex().startswith(label.lower())]
    standing = [member.id.hex() for member in named if member.revoked_at_ms is None]
    if len(standing) > 1:
        raise UsageError(
            "{prefix} is the start of several ids: {ids}.",
            hint="Give more of it.",
            prefix=label,
            ids=", ".join(standing),
        )
    found = max(named, key=lambda member: (member.revoked_at_ms is None, member.revoked_at_ms or 0), default=None)
    if found is None:
        raise UnknownName(
            "The vault has no member named {label}.", hint="'rebond key list' shows all members.", label=label
        )
    return found


def shared_domain(roster: Roster, label: str) -> DomainId:
    """Return the domain to share with the member of that label or id.

    Raises ``UnknownName`` when there is none, and ``UsageError`` when it is a keeper, which has no domain.
    """
    member = find_member_by_label(roster, label)
    if not member.domains:
        raise UsageError(
            "{label} is a keeper: it stores nothing, so there is no deduplication to share.",
            hint="Name a writer after --share-with. 'rebond key list' shows all members.",
            label=label,
        )
    return member.domains[0]


def owner_credentials(secrets: KeyringSecrets, roster: Roster) -> Credentials:
    """Return what the owner holds: everything."""
    verify = secrets.owner_verify_key
    member = next((m for m in roster.members if m.role == Role.OWNER and m.verify_key == verify), None)
    if member is None:
        raise UnknownName("Roster {number} does not name the vault's owner.", number=roster.number)
    return Credentials(
        vault_id=roster.vault_id,
        role=Role.OWNER,
        member=member.id,
        signing_key=signing_key(secrets.owner_seed),
        owner_verify_key=verify,
        roster_seen=roster.number,
        first_domain=member.domains[0] if member.domains else None,
        domain_secrets=_derive_domains(secrets.domain_secrets),
        catalog_roots=secrets.catalog_roots,
        sealing_seeds=dict(secrets.sealing_seeds),
    )


class _Wanted(Struct, frozen=True, kw_only=True):
    """A member that is to be made. ``new_domains`` are those of ``domains`` that the roster does not have yet."""

    role: Role
    label: str
    address: str
    domains: tuple[DomainId, ...] = ()
    new_domains: tuple[DomainId, ...] = ()


def _issue(
    store: Store,
    keyring: OpenKeyring,
    roster: Roster,
    wanted: _Wanted,
    clock: Clock,
    passphrase: SlotSecret | None,
    cost: Argon2Cost,
) -> IssuedMember:
    seed = os.urandom(32)
    member = Member(
        id=MemberId(random_id(8)),
        role=wanted.role.value,
        label=wanted.label,
        verify_key=verify_key(seed),
        domains=wanted.domains,
    )

    def add(current: Roster) -> Roster:
        _require_free_label(current, wanted.label)
        for domain in wanted.domains:
            if domain not in wanted.new_domains:
                _require_open(current, domain)
        return replace(
            current,
            members=(*current.members, member),
            domains=(*current.domains, *(Domain(id=domain) for domain in wanted.new_domains)),
        )

    owner_key = signing_key(keyring.secrets.owner_seed)
    changed = change_roster(store, owner_key, add, at_least=roster.number, now_ms=clock.now_ms())
    credentials = _member_credentials(keyring.secrets, changed, member, wanted.role, seed)
    file = MemberFile(credentials=credentials, label=wanted.label, address=wanted.address)
    content = build_member_file(file, seed, passphrase=passphrase, cost=cost)
    return IssuedMember(member=member, content=content, credentials=credentials, roster=changed, keyring=keyring)


def _member_credentials(
    secrets: KeyringSecrets, roster: Roster, member: Member, role: Role, seed: bytes
) -> Credentials:
    """Pick out of everything exactly what this role may hold."""
    is_writer = role is Role.WRITER
    return Credentials(
        vault_id=roster.vault_id,
        role=role,
        member=member.id,
        signing_key=signing_key(seed),
        owner_verify_key=secrets.owner_verify_key,
        roster_seen=roster.number,
        first_domain=member.domains[0] if is_writer else None,
        domain_secrets=_derive_domains({d: secrets.domain_secrets[d] for d in member.domains}),
        own_catalogs={d: CatalogKeys.from_roots(d, secrets.catalog_roots) for d in member.domains},
        catalog_roots=() if is_writer else secrets.catalog_roots,
    )


def _derive_domains(secrets: Mapping[DomainId, bytes]) -> dict[DomainId, DomainKeys]:
    return {domain: DomainKeys.from_secret(domain, secret) for domain, secret in secrets.items()}


def _with_domain(keyring: OpenKeyring, domain: DomainId, secret: bytes) -> OpenKeyring:
    secrets = replace(keyring.secrets, domain_secrets={**keyring.secrets.domain_secrets, domain: secret})
    return replace(keyring, secrets=secrets)


def _revoke(roster: Roster, member: Member, now_ms: int, stolen_since_ms: int | None) -> Roster:
    if member.role == Role.OWNER:
        raise Refused(
            "The owner cannot be revoked.", hint="Remove the owner's slots instead, or create a new vault and copy."
        )
    revoked = member if member.revoked_at_ms is not None else replace(member, revoked_at_ms=now_ms)
    others = tuple(m for m in roster.members if m.id != member.id and m.revoked_at_ms is None)
    used = set() if stolen_since_ms is not None else {domain for other in others for domain in other.domains}
    untrusted = roster.untrusted
    if stolen_since_ms is not None:
        before = min([stolen_since_ms, *(u.since_ms for u in untrusted if u.member == member.id)])
        untrusted = (
            *(u for u in untrusted if u.member != member.id),
            Untrusted(member=member.id, since_ms=max(before, 0)),
        )
    return replace(
        roster,
        members=tuple(revoked if m.id == member.id else m for m in roster.members),
        domains=tuple(
            replace(d, closed_at_ms=now_ms) if d.is_open and d.id in member.domains and d.id not in used else d
            for d in roster.domains
        ),
        untrusted=untrusted,
    )


def _let_owner_write(roster: Roster, make_domain: Callable[[], DomainId]) -> Roster:
    """Give the owner a new domain where the one that he writes in is closed: nobody could issue him a new file.

    What he stored in the old one stays his.
    """
    owner = next((member for member in roster.members if member.role == Role.OWNER), None)
    if owner is None or any(_is_open(roster, domain) for domain in owner.domains[:1]):
        return roster
    domain = make_domain()
    renewed = replace(owner, domains=(domain, *owner.domains))
    return replace(
        roster,
        members=tuple(renewed if member.id == owner.id else member for member in roster.members),
        domains=(*roster.domains, Domain(id=domain)),
    )


def _find(roster: Roster, member_id: MemberId) -> Member:
    found = roster.find_member(member_id)
    if found is None:
        raise UnknownName(
            "The vault has no member {member}.", hint="'rebond key list' shows all members.", member=member_id.hex()
        )
    return found


def _is_open(roster: Roster, domain: DomainId) -> bool:
    found = roster.find_domain(domain)
    return found is not None and found.is_open


def _require_open(roster: Roster, domain: DomainId) -> None:
    if not _is_open(roster, domain):
        raise UnknownName(
            "The vault has no open domain {domain}.", hint="'rebond key list' shows the domains.", domain=domain.hex()
        )


def _require_free_label(roster: Roster, label: str) -> None:
    if not label or len(label) > _LABEL_LIMIT or not label.isprintable():
        raise UsageError("A member's name has 1 to 256 printable characters.", hint="Choose another name.")
    if any(member.label == label and member.revoked_at_ms is None for member in roster.members):
        raise UsageError(
            "There is a member named {label} already.",
            hint="Choose another name, or revoke that one first: rebond key revoke {label}",
            label=label,
        )
