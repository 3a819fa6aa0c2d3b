"""Secrets in a domain that several writers share: those could find out by trying what is there."""

from collections.abc import Sequence

from msgspec.structs import replace

from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId
from rebond.operations.components import ComponentToSave
from rebond.vault.access import Vault


def find_private_domain(vault: Vault) -> DomainId | None:
    """Return the domain for secrets, where this key writes to a shared one and has one of its own beside it.

    Raises ``RoleTooSmall`` for a keeper's key.
    """
    if count_writers(vault, vault.credentials.writing_domain()) < 2:
        return None
    own = vault.roster.member(vault.credentials.member).domains
    return next(
        (each for each in own if each in vault.credentials.domain_secrets and count_writers(vault, each) < 2), None
    )


def enter_domain(vault: Vault, domain: DomainId) -> Vault:
    """Return the same vault, written to in another domain: content, index and record are all of that one."""
    return replace(vault, credentials=replace(vault.credentials, first_domain=domain))


def count_writers(vault: Vault, domain: DomainId) -> int:
    """Return how many members may write to a domain."""
    return sum(domain in each.domains and each.revoked_at_ms is None for each in vault.roster.members)


def find_sharing(vault: Vault, components: Sequence[ComponentToSave]) -> Finding | None:
    """Return a note when secrets go into a domain that other members write to: deduplication tells them what is there.

    Raises ``RoleTooSmall`` for a keeper's key.
    """
    secrets = [each.name for each in components if each.kind == "secrets" and not each.is_reference]
    if not secrets or (count := count_writers(vault, vault.credentials.writing_domain())) < 2:
        return None
    return Finding(
        code="secrets-in-a-shared-domain",
        severity=Severity.NOTE,
        subject=", ".join(secrets),
        template="The secrets of {names} lie in a domain that {count} members write to, who can try out what they are.",
        hint_template='Give them a vault of their own: vault = "…".',
        values={"names": ", ".join(secrets), "count": count},
    )
