"""What a role holds in memory, and what it therefore can do (format page, section 2).

The rules hold by mathematics: a writer's credentials have no sealing seed, a keeper's no domain
secret, so the functions that need them cannot be called. ``require_*`` only turn that absence
into a message.
"""

import enum
from collections.abc import Mapping
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import field

from rebond.errors import RoleTooSmall
from rebond.identifiers import DomainId, MemberId, VaultId
from rebond.secret import Reserved
from rebond.vault.primitives import derive


class Role(enum.StrEnum):
    """Who a credential makes you."""

    OWNER = "owner"
    WRITER = "writer"
    KEEPER = "keeper"


class DomainKeys(Reserved, frozen=True):
    """What a writer of one domain, and the owner, derive from the domain's secret D."""

    SHOWN: ClassVar[tuple[str, ...]] = ("domain",)

    domain: DomainId
    secret: bytes
    data_id_key: bytes
    tree_id_key: bytes
    table_key: bytes
    chunker_seed: int

    @classmethod
    def from_secret(cls, domain: DomainId, secret: bytes) -> "DomainKeys":
        """Derive the keys of ``domain`` from its secret D."""
        return cls(
            domain,
            secret,
            derive("data id", secret),
            derive("tree id", secret),
            derive("chunk table", secret),
            int.from_bytes(derive("chunker", secret)[:8], "little") & (2**63 - 1),
        )


class CatalogKeys(Reserved, frozen=True):
    """The catalog keys K(d) of one domain, oldest first; the last one seals new records."""

    SHOWN: ClassVar[tuple[str, ...]] = ("domain",)

    domain: DomainId
    keys: tuple[bytes, ...]

    @property
    def current(self) -> bytes:
        """The key that seals new records."""
        return self.keys[-1]

    @property
    def name_key(self) -> bytes:
        """The key under which stream names are hidden."""
        return derive("names", self.keys[0])

    @classmethod
    def from_roots(cls, domain: DomainId, roots: tuple[bytes, ...]) -> "CatalogKeys":
        """K(d) = KDF("catalog", C ‖ d) for every catalog root C."""
        return cls(domain, tuple(derive("catalog", root + domain) for root in roots))


class Credentials(Reserved, frozen=True, kw_only=True):
    """Everything a role may know. Made by ``vault.keyring`` (owner) or ``vault.members`` (role files).

    ``domain_secrets`` is empty for a keeper, ``sealing_seeds`` (epoch → E) for all but the owner.
    ``catalogs`` has the writer's own domains for a writer; keeper and owner derive any from
    ``catalog_roots``. ``first_domain`` is the one that a writer's records are sealed with.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("vault_id", "role", "member", "owner_verify_key", "roster_seen", "first_domain")

    vault_id: VaultId
    role: Role
    member: MemberId
    signing_key: Ed25519PrivateKey
    owner_verify_key: bytes
    roster_seen: int
    first_domain: DomainId | None = None
    domain_secrets: Mapping[DomainId, DomainKeys] = field(default_factory=dict)
    own_catalogs: Mapping[DomainId, CatalogKeys] = field(default_factory=dict)
    catalog_roots: tuple[bytes, ...] = ()
    sealing_seeds: Mapping[int, bytes] = field(default_factory=dict)

    def catalog(self, domain: DomainId) -> CatalogKeys:
        """Return the catalog keys of ``domain``; raises ``RoleTooSmall`` for another writer's domain."""
        if self.catalog_roots:
            return CatalogKeys.from_roots(domain, self.catalog_roots)
        try:
            return self.own_catalogs[domain]
        except KeyError:
            raise RoleTooSmall(
                "This {role} key belongs to another domain than the one asked for.",
                hint="Use the owner's key, or the key of a writer of that domain.",
                role=self.role.value,
            ) from None

    def domain_keys(self, domain: DomainId) -> DomainKeys:
        """Return the keys of ``domain``; raises ``RoleTooSmall`` for a keeper or another writer."""
        try:
            return self.domain_secrets[domain]
        except KeyError:
            raise RoleTooSmall(
                "This {role} key cannot read or add content in that domain.",
                hint="Use the owner's key, or the key of a writer of that domain.",
                role=self.role.value,
            ) from None

    def writing_domain(self) -> DomainId:
        """Return the domain that this credential writes in; raises ``RoleTooSmall`` for a keeper."""
        if self.first_domain is None:
            raise RoleTooSmall(
                "A {role} key cannot make backups.", hint="Use a writer's key or the owner's.", role=self.role.value
            )
        return self.first_domain

    def sealing_seed(self, epoch: int) -> bytes:
        """Return E[epoch]; raises ``RoleTooSmall`` for whoever may not read content."""
        try:
            return self.sealing_seeds[epoch]
        except KeyError:
            raise RoleTooSmall(
                "A {role} key cannot read what is stored; that takes the owner's passphrase, recovery key or key file.",
                hint="Run the command again with the owner's secret (REBOND_PASSPHRASE or REBOND_KEY_FILE).",
                role=self.role.value,
            ) from None

    def require_keeper(self) -> None:
        """Raise ``RoleTooSmall`` unless this is a keeper or the owner."""
        if not self.catalog_roots:
            raise RoleTooSmall(
                "A {role} key cannot delete or clean up.",
                hint="Use a keeper's key or the owner's.",
                role=self.role.value,
            )
