"""Whether secrets would lie where other writers can find out by trying what they are."""

from collections.abc import Sequence

from rebond.findings import Finding, Severity
from rebond.operations.components import ComponentToSave
from rebond.vault.access import Vault


def find_sharing(vault: Vault, components: Sequence[ComponentToSave]) -> Finding | None:
    """Return a note when secrets go into a domain that other members write to: deduplication tells them what is there.

    Raises ``RoleTooSmall`` for a keeper's key.
    """
    secrets = [each.name for each in components if each.kind == "secrets"]
    if not secrets:
        return None
    domain = vault.credentials.writing_domain()
    others = [each.label for each in vault.roster.members if domain in each.domains and each.revoked_at_ms is None]
    if len(others) < 2:
        return None
    return Finding(
        code="secrets-in-a-shared-domain",
        severity=Severity.NOTE,
        subject=", ".join(secrets),
        template="The secrets of {names} lie in a domain that {count} members write to, who can try out what they are.",
        hint_template='Give them a vault of their own: vault = "…".',
        values={"names": ", ".join(secrets), "count": len(others)},
    )
