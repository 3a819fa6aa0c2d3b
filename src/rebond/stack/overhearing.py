"""What a program writes while it runs: the last of it, for the log."""

import threading
from contextlib import suppress

from rebond.errors import SourceError
from rebond.sources.streams.readers import StreamReader

_KEPT_BYTES = 16_000
_PATIENCE_SECONDS = 1.0  # for what is still in the pipe; something left in the background may hold it for ever
_BLOCK_BYTES = 1 << 16


class Overheard:
    """The end of an output that a thread reads."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._kept = b""
        self._fault: SourceError | None = None
        self._thread = threading.Thread(target=self._listen, name="output of a hook", daemon=True)
        self._thread.start()

    def finish(self) -> str:
        """Return the last of it, after the program has ended."""
        self._thread.join(timeout=_PATIENCE_SECONDS)
        return self._text()

    def finish_stream(self) -> str:
        """Return the last of it, when there is no more to come. Raises ``SourceError``."""
        self._thread.join()
        if self._fault is not None:
            raise self._fault
        return self._text()

    def _text(self) -> str:
        return self._kept.decode(errors="backslashreplace").strip()

    def _listen(self) -> None:
        block = memoryview(bytearray(_BLOCK_BYTES))
        with suppress(OSError, ValueError):  # closed from the other side
            try:
                while count := self._reader.readinto(block):
                    self._kept = (self._kept + bytes(block[:count]))[-_KEPT_BYTES:]
            except SourceError as error:
                self._fault = error


def overhear(reader: StreamReader) -> Overheard:
    """Begin to listen to what a reader gives."""
    return Overheard(reader)
