"""A vault that was opened: the parts that every verb needs, held together. A switchboard, no logic."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from rebond.clock import Clock, SystemClock
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, VaultId
from rebond.store.protocol import Store
from rebond.vault.credentials import Credentials, Role
from rebond.vault.index_loading import IndexContext
from rebond.vault.local_cache import LocalCache, cache_directory
from rebond.vault.roster import Roster


def _ignore(_: Finding) -> None:
    """Drop a finding: for callers that look for errors only."""


class Vault(Struct, frozen=True, kw_only=True):
    """An open vault: where it lies, who we are in it, and what this host remembers of it.

    ``caches`` is a directory that may be deleted at any time. ``report`` hears what is noticed.
    """

    store: Store
    credentials: Credentials
    roster: Roster
    caches: Path
    clock: Clock = field(default_factory=SystemClock)
    report: Callable[[Finding], None] = _ignore

    @property
    def vault_id(self) -> VaultId:
        """The vault's own id."""
        return self.credentials.vault_id

    def verify_key_of(self, member: bytes) -> bytes:
        """Return a member's verify key; raises ``ForeignObject`` when the roster does not know it."""
        return self.roster.member(member).verify_key

    def is_trusted(self, member: bytes) -> bool:
        """Whether segments that this member made may be referred to now."""
        return self.roster.is_trusted(member, self.clock.now_ms())

    def may_name_others(self, member: bytes) -> bool:
        """Whether this member's index lists may name what others made: a keeper's and the owner's."""
        return self.roster.member(member).role != Role.WRITER

    def open_cache(self, domain: DomainId) -> LocalCache:
        """Open what this host remembers of a domain. The caller closes it."""
        cache = LocalCache(cache_directory(self.caches, self.vault_id, domain))
        if cache.fault:
            self.report(
                Finding(
                    code="cache-unusable",
                    severity=Severity.NOTE,
                    subject=str(self.caches),
                    template="Nothing can be remembered in {path}, so this takes longer: {reason}",
                    hint_template="Make it writable, free some space there, or set REBOND_CACHE_DIR.",
                    values={"path": str(self.caches), "reason": cache.fault},
                )
            )
        return cache

    def index_context(self, domain: DomainId) -> IndexContext:
        """What opening a domain's index takes; raises ``RoleTooSmall`` for a keeper."""
        return IndexContext(
            store=self.store,
            vault_id=self.vault_id,
            domain=domain,
            catalog_keys=self.credentials.catalog(domain),
            domain_keys=self.credentials.domain_keys(domain),
            verify_key_of=self.verify_key_of,
            is_trusted=self.is_trusted,
            may_name_others=self.may_name_others,
            report=self.report,
        )

    def can_read(self) -> bool:
        """Whether this credential opens content."""
        return self.credentials.role is Role.OWNER
