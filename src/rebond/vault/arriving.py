"""Keeping files that come in an order of their own: their content first, then the tree that names them.

What is known of each file meanwhile (the ids of its chunks) lies in a file without a name, so memory does not grow
with the tree.
"""

import tempfile
from collections.abc import Sequence
from typing import IO, cast

import msgspec

from rebond.entries import Arrival, ArrivingTree, Content, Entry, Listing, PartialArrival, RememberingTree, Tree
from rebond.errors import SourceError
from rebond.vault.block_memory import BlockMemory
from rebond.vault.chunking import Chunker
from rebond.vault.content_writing import NOT_KEPT
from rebond.vault.file_contents import FileContents, GatheredRows, KeptContent
from rebond.vault.tree_writing import TreeWriter
from rebond.vault.trees import CHUNK_ROW

_READ_BYTES = 1 << 20


class ArrivingWriter(TreeWriter):
    """Saves a tree whose files arrive before they are listed. What is cut or fails ends it, with a ``SourceError``.

    ``memory`` is of the blocks that the tree was made of before; a tree that makes nothing of it is read whole.
    """

    _contents: "_ArrivedContents"
    memory: BlockMemory | None = None

    def _make_contents(self, chunker: Chunker) -> FileContents:
        return _ArrivedContents(self._content, chunker, self._progress, self._observer)

    def save(self, tree: Tree) -> tuple[bytes, bytes]:
        """Keep what arrives, then walk the tree; return the root directory's id and its encoded entry."""
        try:
            with tempfile.TemporaryFile() as spool:
                if self.memory is not None and isinstance(tree, RememberingTree):
                    tree.recall(self.memory)
                    self._contents.keep_arrivals(tree, spool, self.memory)
                    self.memory.finish(tree.make_mark())
                else:
                    self._contents.keep_arrivals(cast(ArrivingTree, tree), spool, None)
                return super().save(tree)
        except BaseException:
            if self.memory is not None:
                self.memory.close()
            raise


class _ArrivedContents(FileContents):
    """Contents that were kept before their files are listed: what is known of each lies in a spool."""

    _spool: IO[bytes]
    _memory: BlockMemory | None = None

    def keep_arrivals(self, tree: ArrivingTree, spool: IO[bytes], memory: BlockMemory | None) -> None:
        """Keep all that arrives, and note it in ``spool``; refer to blocks that stayed by ``memory``."""
        self._spool, self._memory = spool, memory
        self._arrived: dict[bytes, tuple[int, int]] = {}
        self._buffer = memoryview(bytearray(_READ_BYTES))
        for arrival in tree.arrivals():
            self._keep_arrival(arrival)

    def _keep_arrival(self, arrival: Arrival) -> None:
        totals = self._progress.totals
        before = totals.read_bytes
        if not arrival.block_bytes:
            kept = self.keep_pieces(self._chunker.cut(arrival))
            totals.read_bytes += kept.size_bytes
        else:
            blocks = GatheredRows()
            if isinstance(arrival, PartialArrival) and arrival.fresh is not None:
                self._keep_part(arrival, arrival.fresh, blocks)
            else:
                self._keep_blocks(arrival, arrival.block_bytes, blocks, None)
            if self._memory is not None:
                self._memory.add(arrival.path, blocks.rows)
            kept = self.keep_rows(blocks.rows, blocks.uses.items(), blocks.size_bytes)
        if before != totals.read_bytes or not kept.size_bytes:
            totals.read_files += 1
        encoded = msgspec.msgpack.encode(kept)
        self._arrived[arrival.path] = self._spool.seek(0, 2), len(encoded)
        self._spool.write(encoded)
        self._progress.report(arrival.path)

    def _keep_blocks(self, content: Content, block_bytes: int, blocks: GatheredRows, most_bytes: int | None) -> int:
        """Keep what comes, block by block, up to its end or so many bytes; return how many came."""
        room = max(_READ_BYTES // block_bytes, 1) * block_bytes
        buffer = self._buffer[:room] if room <= len(self._buffer) else memoryview(bytearray(room))
        came = 0
        while most_bytes is None or came < most_bytes:
            filled = _fill(content, buffer if most_bytes is None else buffer[: most_bytes - came])
            for chunk_id, place, size in self._content.keep_blocks(buffer[:filled], block_bytes):
                blocks.add(CHUNK_ROW.pack(chunk_id, size), place, size)
            came += filled
            self._progress.totals.read_bytes += filled
            self._progress.report(b"", blocks.size_bytes)
            if filled < len(buffer):
                break
        return came

    def _keep_part(self, arrival: PartialArrival, fresh: Sequence[tuple[int, int]], blocks: GatheredRows) -> None:
        """Keep the blocks that come between those that stayed."""
        block_bytes, done = arrival.block_bytes, 0
        for first, end in fresh:
            self._take_blocks(arrival, done, first, blocks)
            wanted = min(end * block_bytes, arrival.whole_bytes) - first * block_bytes
            if self._keep_blocks(arrival, block_bytes, blocks, wanted) < wanted:
                return  # it was cut meanwhile, and ends here
            done = end
        self._take_blocks(arrival, done, -(-arrival.whole_bytes // block_bytes), blocks)

    def _take_blocks(self, arrival: PartialArrival, first: int, end: int, blocks: GatheredRows) -> None:
        """Refer to blocks as they were remembered. Raises ``SourceError`` where one is not what the file needs."""
        path, rows, places = self._memory.found if self._memory is not None else (b"", (), ())
        for number in range(first, end):
            wanted = min(arrival.block_bytes, arrival.whole_bytes - number * arrival.block_bytes)
            is_known = path == arrival.path and number < len(rows) and places[number] != NOT_KEPT
            if not is_known or CHUNK_ROW.unpack(rows[number])[1] != wanted:
                raise _not_remembered(arrival.path, number)
            blocks.add(rows[number], places[number], wanted)

    def _read(self, listing: Listing, position: int, entry: Entry) -> KeptContent | None:
        place = self._arrived.get(listing.path + b"/" + entry.name if listing.path else entry.name)
        if place is None:
            return super()._read(listing, position, entry)
        self._spool.seek(place[0])
        return msgspec.msgpack.decode(self._spool.read(place[1]), type=KeptContent)


def _fill(content: Content, buffer: memoryview) -> int:
    """Read until the buffer is full, or to the end; return how much came."""
    filled = 0
    while filled < len(buffer) and (count := content.readinto(buffer[filled:])):
        filled += count
    return filled


def _not_remembered(path: bytes, number: int) -> SourceError:
    return SourceError(
        "Block {number} of {path} was to be taken from an earlier backup, and is not there.",
        hint="Run the backup again with --reread.",
        path=path.decode(errors="backslashreplace"),
        number=number,
    )
