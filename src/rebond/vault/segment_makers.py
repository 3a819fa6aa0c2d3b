"""Who made a segment: what a list says of each row and a pack's tail does not (§5).

It matters when a writer is not trusted any more: what he made must not be taken for another's.
"""

from rebond.identifiers import DomainId, MemberId
from rebond.vault.access import Vault
from rebond.vault.sessions import list_journal_names
from rebond.vault.snapshots import list_snapshot_names


class SegmentMakers:
    """Finds the member behind a session, by commit records and journals; guesses on the safe side."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._sessions: dict[bytes, MemberId] | None = None

    def maker_of(self, domain: DomainId, session: bytes) -> MemberId:
        """Return the member that ran a session.

        Where nothing tells any more, an untrusted member of the domain is assumed if there is one:
        then its segments are not referred to again, and the next backup stores them anew.
        """
        if self._sessions is None:
            self._sessions = {name.session: name.member for name in list_snapshot_names(self._vault.store)}
            for journal in list_journal_names(self._vault.store):
                self._sessions.setdefault(journal.session, journal.member)
        known = self._sessions.get(session)
        if known is not None and self._vault.roster.find_member(known) is not None:
            return known
        roster = self._vault.roster
        candidates = [member.id for member in roster.members if domain in member.domains]
        doubtful = [one for one in candidates if not self._vault.is_trusted(one)]
        return (doubtful or candidates or [self._vault.credentials.member])[0]
