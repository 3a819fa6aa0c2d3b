"""Keeping what files hold: read in one piece or as it comes, cut into chunks, each kept once (§9.4)."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.entries import Entry, Listing
from rebond.errors import SourceError
from rebond.progress import Observer
from rebond.vault.cache_slices import Uses
from rebond.vault.chunking import LEAST, Chunker
from rebond.vault.content_writing import ContentWriter
from rebond.vault.holes import WithoutHoles
from rebond.vault.tree_notices import notice_change, notice_cut_read
from rebond.vault.trees import CHUNK_ROW, store_chunk_rows
from rebond.vault.walk_progress import WalkProgress

WHOLE_READ_LIMIT = 1 << 20  # bytes; files up to this are read in one piece
_LINKS_REMEMBERED_BYTES = 8 << 20
_REPORT_AFTER_CHUNKS = 16


class KeptContent(Struct, frozen=True, array_like=True):
    """Where the content of a file is kept: its chunk rows or a list of them, and the segments that it uses.

    ``size_bytes`` is the file's size as it was read, holes included; not ``is_steady`` if it changed meanwhile.
    """

    chunks: bytes = b""
    chunk_list: tuple[bytes, int] | None = None
    uses: Uses = field(default_factory=list)
    size_bytes: int = 0
    is_steady: bool = True


NO_CONTENT = KeptContent()


class FileContents:
    """Keeps the contents of files of one root, from one thread, and counts what was read."""

    def __init__(self, content: ContentWriter, chunker: Chunker, progress: WalkProgress, observer: Observer) -> None:
        self._content = content
        self._chunker = chunker
        self._progress = progress
        self._observer = observer
        self._links: dict[tuple[int, int], tuple[bytes, KeptContent]] = {}
        self._links_bytes = 0

    def keep(self, listing: Listing, position: int, entry: Entry) -> KeptContent | None:
        """Keep a file's bytes, those of several names once; ``None`` if they cannot be read, which is reported."""
        if entry.link is None:
            return self._read(listing, position, entry)
        # A second name has the same stamp, unless somebody wrote to the file since its first name was read.
        stamp = listing.stamps[position]
        known = self._links.get(entry.link)
        if known is not None and stamp and known[0] == stamp:
            return known[1]
        kept = self._read(listing, position, entry)
        if kept is not None and kept.is_steady and stamp and self._links_bytes < _LINKS_REMEMBERED_BYTES:
            self._links[entry.link] = (stamp, kept)
            self._links_bytes += 300 + len(kept.chunks) + 80 * len(kept.uses)
        return kept

    def keep_whole(self, content: bytes) -> KeptContent:
        """Keep a file that was read in one piece."""
        size = len(content)
        totals = self._progress.totals
        totals.read_files += 1
        totals.read_bytes += size
        if size > LEAST:
            return self.keep_pieces(self._chunker.cut_bytes(content))
        if not size:
            return NO_CONTENT
        chunk_id, place = self._content.keep_data(content)
        return KeptContent(CHUNK_ROW.pack(chunk_id, size), None, [(place, size)], size)

    def keep_pieces(self, pieces: Iterator[bytes]) -> KeptContent:
        """Keep a file of which the pieces come one by one, each a chunk. Raises what reading them raises."""
        rows: list[bytes] = []
        uses: dict[int, int] = {}
        size = 0
        for piece in pieces:
            chunk_id, place = self._content.keep_data(piece)
            rows.append(CHUNK_ROW.pack(chunk_id, len(piece)))
            uses[place] = uses.get(place, 0) + len(piece)
            size += len(piece)
            if len(rows) % _REPORT_AFTER_CHUNKS == 0:
                self._progress.report(b"", size)
        return self.keep_rows(rows, uses.items(), size)

    def keep_rows(self, rows: Sequence[bytes], uses: Iterable[tuple[int, int]], size_bytes: int) -> KeptContent:
        """Keep the rows of chunks that were kept already; long ones in lists, which are tree objects."""
        lists: Uses = []

        def keep_list(content: bytes) -> bytes:
            object_id, place = self._content.keep_list(content)
            lists.append((place, len(content)))
            return object_id

        chunks, chunk_list = store_chunk_rows(rows, keep_list)
        # The places of the lists count as used by this file, so that a cached entry keeps them alive.
        return KeptContent(chunks, chunk_list, [*uses, *lists], size_bytes)

    def _read(self, listing: Listing, position: int, entry: Entry) -> KeptContent | None:
        # A file of no bytes is read too: those of /proc and of some network file systems only say so.
        if entry.size <= WHOLE_READ_LIMIT and not entry.holes:
            content = listing.read_small(position, entry.size)
            if content is not None:
                return self.keep_whole(content)
        return self._read_stream(listing, position, entry)

    def _read_stream(self, listing: Listing, position: int, entry: Entry) -> KeptContent | None:
        opened = listing.open(position)
        if opened is None:
            return None
        data = WithoutHoles(opened, entry.holes) if entry.holes else opened
        try:
            kept = self.keep_pieces(self._chunker.cut(data))
            is_steady = not opened.changed()
        except SourceError as error:
            self._observer.noticed(notice_cut_read(listing.path + b"/" + entry.name, error))
            return None
        finally:
            opened.close()
        if not is_steady:
            self._observer.noticed(notice_change(listing.path + b"/" + entry.name))
        self._progress.totals.read_files += 1
        self._progress.totals.read_bytes += kept.size_bytes
        size = data.position if isinstance(data, WithoutHoles) else kept.size_bytes
        return replace(kept, size_bytes=size, is_steady=is_steady)
