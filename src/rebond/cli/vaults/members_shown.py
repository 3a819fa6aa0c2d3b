"""The members of a vault, for machines."""

from rebond.units import format_iso
from rebond.vault.roster import Roster


def members_document(roster: Roster) -> list[dict[str, object]]:
    """Return the members for machines."""
    return [
        {
            "id": member.id.hex(),
            "role": member.role,
            "label": member.label,
            "domains": [domain.hex() for domain in member.domains],
            "revoked": format_iso(member.revoked_at_ms) if member.revoked_at_ms is not None else None,
        }
        for member in roster.members
    ]
