"""Keeping what files hold: read in one piece or as it comes, cut into chunks, each kept once (§9.4)."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.entries import Entry, Listing
from rebond.errors import SourceError
from rebond.progress import Observer
from rebond.vault.begun_files import BegunFile, BegunFiles, NoteUntrueError, read_noted
from rebond.vault.cache_slices import Uses
from rebond.vault.chunking import LEAST, Chunker
from rebond.vault.content_writing import NOT_KEPT, ContentWriter
from rebond.vault.holes import SeekableContent, WithoutHoles
from rebond.vault.tree_notices import notice_change, notice_cut_read, notice_gone_on
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


class GatheredRows:
    """What is known of a file while its chunks come."""

    __slots__ = ("rows", "size_bytes", "uses")

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.uses: dict[int, int] = {}
        self.size_bytes = 0

    def add(self, row: bytes, place: int, size_bytes: int) -> None:
        """Take the next chunk."""
        self.rows.append(row)
        self.uses[place] = self.uses.get(place, 0) + size_bytes
        self.size_bytes += size_bytes


class FileContents:
    """Keeps the contents of files of one root, from one thread, and counts what was read.

    ``begun`` are the files that runs which were cut have left half read; without it none is gone on with.
    """

    def __init__(
        self,
        content: ContentWriter,
        chunker: Chunker,
        progress: WalkProgress,
        observer: Observer,
        begun: BegunFiles | None = None,
    ) -> None:
        self._content = content
        self._chunker = chunker
        self._progress = progress
        self._observer = observer
        self._begun = begun
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

    def keep_pieces(
        self, pieces: Iterator[bytes], gathered: GatheredRows | None = None, begun: BegunFile | None = None
    ) -> KeptContent:
        """Keep a file of which the pieces come one by one, each a chunk. Raises what reading them raises.

        ``gathered`` is what is known of the file already, in front of the first piece.
        """
        gathered = GatheredRows() if gathered is None else gathered
        for piece in pieces:
            chunk_id, place = self._content.keep_data(piece)
            gathered.add(CHUNK_ROW.pack(chunk_id, len(piece)), place, len(piece))
            self._tell(gathered, begun)
        return self.keep_rows(gathered.rows, gathered.uses.items(), gathered.size_bytes)

    def _tell(self, gathered: GatheredRows, begun: BegunFile | None) -> None:
        if len(gathered.rows) % _REPORT_AFTER_CHUNKS == 0:
            if begun is not None:
                begun.note(gathered.rows)
            self._progress.report(b"", gathered.size_bytes)

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
        path = listing.path + b"/" + entry.name
        begun = self._begun.begin(path, listing.stamps[position], entry) if self._begun is not None else None
        if begun is None:
            return self._read_opened(listing, position, entry, None)
        try:
            try:
                return self._read_opened(listing, position, entry, begun)
            except NoteUntrueError:
                begun.distrust()
                return self._read_opened(listing, position, entry, begun)
        finally:
            begun.close()

    def _read_opened(
        self, listing: Listing, position: int, entry: Entry, begun: BegunFile | None
    ) -> KeptContent | None:
        opened = listing.open(position)
        if opened is None:
            return None
        data = WithoutHoles(opened, entry.holes) if entry.holes else opened
        gathered, taken_bytes = GatheredRows(), 0
        try:
            if begun is not None and isinstance(data, SeekableContent):
                taken_bytes = self._take_noted(data, begun, gathered)
            kept = self.keep_pieces(self._chunker.cut(data), gathered, begun)
            is_steady = not opened.changed()
        except SourceError as error:
            self._observer.noticed(notice_cut_read(listing.path + b"/" + entry.name, error))
            return None
        finally:
            opened.close()
        if not is_steady:
            self._observer.noticed(notice_change(listing.path + b"/" + entry.name))
        if taken_bytes:
            self._observer.noticed(notice_gone_on(listing.path + b"/" + entry.name, taken_bytes))
        if begun is not None:
            begun.finish()
        self._progress.totals.read_files += 1
        self._progress.totals.read_bytes += kept.size_bytes - taken_bytes
        size = data.position if isinstance(data, WithoutHoles) else kept.size_bytes
        return replace(kept, size_bytes=size, is_steady=is_steady)

    def _take_noted(self, data: SeekableContent, begun: BegunFile, gathered: GatheredRows) -> int:
        """Take what an earlier run noted of a file; return how many bytes need not be read for it.

        What the vault lacks of it is read again, and so is the last chunk, whatever the vault has: that shows whether
        the note is of what lies here. Raises ``NoteUntrueError`` where it is not.
        """
        taken_bytes = 0
        for row, is_last in begun.rows():
            chunk_id, length = CHUNK_ROW.unpack(row)
            place = NOT_KEPT if is_last else self._content.find(chunk_id)
            if place == NOT_KEPT:
                read_id, place = self._content.keep_data(read_noted(data, length))
                if read_id != chunk_id:
                    raise NoteUntrueError
            else:
                data.skip(length)
                taken_bytes += length
            gathered.add(row, place, length)
            self._tell(gathered, begun)
        begun.overtake(gathered.rows)
        return taken_bytes
