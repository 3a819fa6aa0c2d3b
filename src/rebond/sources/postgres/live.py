"""A database that is there now, read as one that was saved: the files of a backup that nobody keeps."""

from collections.abc import Iterator, Mapping

import msgspec

from rebond.errors import SourceError
from rebond.sources.documents.tree import Document
from rebond.sources.documents.tree import Piece as FilePiece
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import Manifest, Piece, SavedDatabase

_BLOCK_BYTES = 1 << 18
_TAIL_BYTES = 1024


class LiveFiles:
    """The files of one database as they would be saved. Implements ``SavedFiles``; sizes are not known beforehand."""

    def __init__(self, pieces: Mapping[bytes, FilePiece]) -> None:
        self._pieces = {path.decode(errors="surrogateescape"): piece for path, piece in pieces.items()}

    def has(self, path: str) -> bool:
        """Say whether there is a file."""
        return path in self._pieces

    def size(self, path: str) -> int:
        """Return how many bytes a document has; 0 for a stream."""
        piece = self._pieces[path]
        return len(piece.content) if isinstance(piece, Document) else 0

    def read(self, path: str) -> bytes:
        """Return all of a file. Raises ``SourceError``."""
        return b"".join(self.pieces(path))

    def pieces(self, path: str) -> Iterator[Piece]:
        """Yield a file piece by piece; one that is cut raises ``SourceError`` at its end."""
        piece = self._pieces[path]
        if isinstance(piece, Document):
            yield piece.content
            return
        reader = piece.open_reader()
        try:
            count, tail = 0, b""
            while size := reader.readinto(memoryview(block := bytearray(_BLOCK_BYTES))):
                count += size
                part = bytes(memoryview(block)[:size])
                tail = (tail + part[-_TAIL_BYTES:])[-_TAIL_BYTES:]
                yield part
            reader.finish()
            piece.expected.judge(path, count, tail)
        finally:
            reader.close()


def open_live(pieces: Mapping[bytes, FilePiece]) -> SavedDatabase:
    """Return a database whose pieces are those of ``list_pieces``; the snapshot has to be held. Raises ``SourceError``.

    How many rows its tables have is not known before they are read.
    """
    files = LiveFiles(pieces)
    try:
        manifest = read_json(files.read("manifest.json"), Manifest)
    except msgspec.DecodeError as error:
        raise SourceError("The database could not be described.", hint="Run the backup again.") from error
    tables = tuple(sorted(manifest.tables, key=lambda each: each.file.encode(errors="surrogateescape")))
    return SavedDatabase(manifest=manifest, tables=tables, files=files)
