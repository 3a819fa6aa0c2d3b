"""What was told while snapshots or packs went: it belongs into the answer, and decides the status."""

from rebond.findings import Finding, Severity
from rebond.progress import Observer


class Heard:
    """Passes on what is noticed, and keeps damage and warnings, each once."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._told: list[Finding] = []
        self.findings: list[Finding] = []

    def hear(self, finding: Finding) -> None:
        """Pass it on. Vaults are looked at again when a mark stands, and tell the same again."""
        if finding.severity is not Severity.NOTE:
            if finding in self._told:
                return
            self._told.append(finding)
            self.findings.append(finding)
        self._observer.noticed(finding)

    @property
    def damage(self) -> list[Finding]:
        """What is damaged, of all that was heard."""
        return [each for each in self.findings if each.severity is Severity.DAMAGE]

    def keep_damage(self) -> None:
        """Let the warnings go that were heard until now: what an opening warns of is not what was left undone."""
        self.findings[:] = self.damage
