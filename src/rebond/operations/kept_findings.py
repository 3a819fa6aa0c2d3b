"""Findings of a run, in bounded memory: a million unreadable files must not fill it."""

import threading
from collections import Counter

from rebond.findings import Finding, Severity

MOST_OF_EACH = 10_000  # of one severity; the rest are counted, and the observer has heard of them


class KeptFindings:
    """The first findings of each severity, with the component that each belongs to. Safe to share."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Finding]] = []
        self.counts: Counter[Severity] = Counter()
        self._lock = threading.Lock()

    def add(self, finding: Finding, component: str = "") -> None:
        """Keep a finding, or only count it."""
        with self._lock:
            self.counts[finding.severity] += 1
            if self.counts[finding.severity] <= MOST_OF_EACH:
                self.items.append((component, finding))

    @property
    def problems(self) -> int:
        """How many are more than notes."""
        return self.counts.total() - self.counts[Severity.NOTE]

    def findings(self) -> tuple[Finding, ...]:
        """What was kept, in the order in which it came."""
        return tuple(finding for _, finding in self.items)
