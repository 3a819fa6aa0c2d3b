"""What a program answers, whole, when that is little enough for memory."""

from rebond.errors import CommandFailed
from rebond.sources.streams.readers import OpenReader

_BLOCK_BYTES = 1 << 16
MOST_BYTES = 64 << 20


def read_output(open_reader: OpenReader, *, program: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Return all of a stream that ends well. Raises ``SourceError``, also for more than ``most_bytes``."""
    reader = open_reader()
    try:
        output = bytearray()
        block = memoryview(bytearray(_BLOCK_BYTES))
        while count := reader.readinto(block):
            output += block[:count]
            if len(output) > most_bytes:
                raise CommandFailed(
                    "{program} answered with more than {count} bytes.",
                    hint="Ask it for less.",
                    program=program,
                    count=most_bytes,
                )
        reader.finish()
    finally:
        reader.close()
    return bytes(output)
