"""What the service knows of its jobs' runs: their records, and in their place what could not be read or written."""

import logging
from dataclasses import dataclass

from rebond.clock import Clock
from rebond.schedule.records import JobRecord, Records

LOG = logging.getLogger("rebond.service")
_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Held:
    """A record that the disk did not take, and what stood there instead."""

    record: JobRecord
    stood: JobRecord | None
    tried: float


class KnownRecords:
    """The records of one stack. A disk that is full, or a file that cannot be read, must not stop backups.

    ``faults`` says of which jobs the record cannot be read or written, and why; each is logged once.
    """

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self.faults: dict[str, str] = {}

    def read(self, name: str) -> JobRecord | None:
        """Return how far a job has come; what another process wrote meanwhile counts before what is held here."""
        found = self._read(name)
        held = self._held.get(name)
        if held is None:
            return found
        if found is None and held.stood is None:  # there never was one: nobody's is trodden on
            self.write(name, held.record)
            return held.record
        if found is None or found == held.stood:
            if found is not None and self._clock.monotonic() >= held.tried + _PAUSE_SECONDS:
                self.write(name, held.record)
            return held.record
        del self._held[name]
        return found

    def write(self, name: str, record: JobRecord) -> None:
        """Write a record; where that cannot be done it counts all the same, until another one stands there."""
        try:
            self._records.write(name, record)
        except OSError as error:
            self._held[name] = _Held(record, self._read(name), self._clock.monotonic())
            self._note(name, error)
        else:
            self._held.pop(name, None)
            self._forget(name)

    def _read(self, name: str) -> JobRecord | None:
        try:
            found = self._records.read(name)
        except OSError as error:
            self._note(name, error)
            return None
        if name not in self._held:
            self._forget(name)
        return found

    def _note(self, name: str, error: OSError) -> None:
        if name not in self.faults:  # once is enough, every second is not
            LOG.error("the record of %s cannot be read or written: %s", name, error)
        self.faults[name] = str(error)

    def _forget(self, name: str) -> None:
        self.faults.pop(name, None)
