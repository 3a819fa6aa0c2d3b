"""Making a snapshot, step by step (format page, section 9). Whatever fails leaves only garbage."""

from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.entries import ArrivingTree, Tree
from rebond.errors import CacheDamaged, RebondError, SourceError
from rebond.identifiers import DomainId, SessionId, SnapshotId, random_id
from rebond.progress import Observer
from rebond.vault.access import Vault
from rebond.vault.arriving import ArrivingWriter
from rebond.vault.begun_files import BegunFiles, forget_begun
from rebond.vault.block_memory import BlockMemory
from rebond.vault.chunking import Chunker
from rebond.vault.committing import Attempt, CommitRequest, SavedContent, commit_snapshot
from rebond.vault.content_writing import ContentWriter
from rebond.vault.file_cache import CachePaths, CacheReader, CacheWriter, read_records
from rebond.vault.frames import Level, Texture
from rebond.vault.index_loading import IndexContext, add_list_chunks, allow_usable, merge_new_lists, open_list
from rebond.vault.looking import Look, look_around
from rebond.vault.pack_putting import PackPutter, unlisted_from_list
from rebond.vault.packs import pack_name
from rebond.vault.parents import Parent, find_earlier, find_parent
from rebond.vault.primitives import hash_of, keyed_id
from rebond.vault.protocol_rules import find_adoptable_packs
from rebond.vault.refreshing import choose_sparse
from rebond.vault.row_chunking import RowChunker
from rebond.vault.saved_records import find_missing, find_newest_ns
from rebond.vault.sealing import SealingContext
from rebond.vault.sealing_pipeline import SealingPipeline
from rebond.vault.second_looks import SecondLook, SecondWriter
from rebond.vault.session_notices import (
    notice_damaged_cache,
    notice_lost_cache,
    notice_open_journal,
    notice_spoilt_packs,
    refuse_second_look,
)
from rebond.vault.sessions import SessionJournal
from rebond.vault.snapshots import ComponentSummary, PrivateComponent, SnapshotRecord
from rebond.vault.tree_writing import TreeWriter
from rebond.vault.walk_progress import TreeTotals

KINDS_OF_ROWS = frozenset({"postgres", "mysql"})


class SavedComponent(Struct, frozen=True, kw_only=True):
    """What saving one component came to."""

    summary: ComponentSummary
    private: PrivateComponent
    totals: TreeTotals


class _RootCache(Struct):
    """What is remembered of one component: ``uses`` are the places that the snapshot needs for it."""

    paths: CachePaths
    identity: bytes
    writer: CacheWriter
    own: Path
    older: list[Path] = field(default_factory=list)
    uses: dict[int, int] = field(default_factory=dict)
    blocks: BlockMemory | None = None


class SnapshotSession:
    """One attempt to make one snapshot. Used as a context manager; leaving it without ``commit`` gives up.

    A retry after ``SessionVoided`` is a new session with the same snapshot id.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        level: Level,
        host: str,
        stack: str,
        observer: Observer,
        snapshot: SnapshotId | None = None,
    ) -> None:
        self._vault = vault
        self._level = level
        self._host = host
        self._stack = stack
        self._observer = observer
        self.snapshot = snapshot or SnapshotId(random_id())
        self.session = SessionId(random_id())
        self._domain: DomainId = vault.credentials.writing_domain()
        self._began = vault.clock.monotonic()
        self._roots: dict[str, _RootCache] = {}
        self._opened = False

    def __enter__(self) -> "SnapshotSession":
        vault = self._vault
        vault.roster.require_writable()
        vault.roster.require_valid_member(vault.credentials.member, vault.clock.now_ms(), domain=self._domain)
        self._journal = SessionJournal(vault.store, vault.credentials, self.snapshot, self.session, vault.clock)
        self._look = look_around(
            vault.store, vault.vault_id, vault.roster, self._journal, host=self._host, purpose="backup"
        )
        self._cache = vault.open_cache(self._domain)
        try:
            self._putter = PackPutter(vault, self._domain, self._cache, self._journal)
            try:
                self._prepare()
            except BaseException:
                self._putter.stop()  # or its heartbeat would keep a dead session alive
                raise
        except BaseException:
            self._cache.close()
            raise
        self._opened = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened:
            self._pipeline.abandon()
            self._putter.stop()
            for root in self._roots.values():
                root.writer.close()
                if root.blocks is not None:
                    root.blocks.close()
            self._cache.close()
            self._opened = False

    def _prepare(self) -> None:
        """Steps 3 and 6: learn what is usable, choose what to leave behind, open the pipeline."""
        vault, cache = self._vault, self._cache
        context = vault.index_context(self._domain)
        present = merge_new_lists(context, cache)
        look = self._look
        spoilt = allow_usable(context, cache, present, look.usable_packs, look.marks.segments)
        if spoilt:
            self._observer.noticed(notice_spoilt_packs(spoilt))
        self._adopt_unlisted(context, look)
        self.parent: Parent | None = find_parent(vault, self._host, self._stack, look.marks)
        if self.parent is not None:
            cache.chunks.expect_many_finds()  # every directory is looked up, though nothing may have changed
        avoided: frozenset[int] = frozenset()
        if self.parent is not None and self.parent.references is not None:
            avoided = choose_sparse(
                self.parent.references,
                cache.segments,
                self.parent.total_bytes,
                self._level.target_bytes,
                self.parent.components,
            )
        keys = vault.credentials.domain_keys(self._domain)
        sealing = SealingContext(
            vault.vault_id,
            self.session,
            vault.roster.epoch,
            vault.roster.sealing_public,
            keys,
            vault.credentials.catalog(self._domain).current,
            self._level,
        )
        self._sealing = sealing
        self._pipeline = SealingPipeline(sealing, self._putter.put, uploads=max(1, vault.store.traits.concurrency // 2))
        self._content = ContentWriter(sealing, self._pipeline, cache, avoided)
        self._chunker = Chunker(keys.chunker_seed)
        self._row_chunker = RowChunker(keys.chunker_seed)

    def _adopt_unlisted(self, context: IndexContext, look: Look) -> None:
        """Take over packs that earlier runs of this host put and did not live to name in a list."""
        unlisted = list(self._cache.unlisted())
        adoptable = find_adoptable_packs((pack_hash for pack_hash, _ in unlisted), look.usable_packs)
        if adoptable:  # listed, and the run that put them may have died before that would survive a power cut
            self._vault.store.settle([pack_name(each) for each in adoptable])
        for pack_hash, content in unlisted:
            try:
                index_list = open_list(context, "", content)
            except RebondError:
                self._cache.forget_unlisted(pack_hash)
                continue
            if pack_hash not in adoptable:
                self._cache.forget_unlisted(pack_hash)
                continue
            if any(look.usable_packs.get(pack.pack_hash) != pack.size for pack in index_list.catalog.packs):
                self._cache.forget_unlisted(pack_hash)  # cut, as by a disk that said too early that it had it
                continue
            add_list_chunks(context, self._cache, index_list)
            for pack in index_list.catalog.packs:
                self._putter.adopt(unlisted_from_list(pack.rows, pack.pack_hash, pack.size, index_list.tables))
                for row in pack.rows:
                    if context.is_trusted(row.member) and (row.session, row.number) not in look.marks.segments:
                        self._cache.segments.allow(self._cache.segments.place(row.session, row.number), row.raw_length)

    def save_tree(self, name: str, kind: str, root: bytes, tree: Tree, *, reread: bool = False) -> SavedComponent:
        """Save one component that is a tree of files; raises ``SourceError`` when its root cannot be walked."""
        cache = self._open_root(root, name)
        reader = CacheReader([] if reread else [read_records(path, cache.identity) for path in cache.older])
        arrives = isinstance(tree, ArrivingTree)
        holds_rows = kind in KINDS_OF_ROWS and not arrives
        if kind in KINDS_OF_ROWS:
            self._content.texture = Texture.ROWS if holds_rows else Texture.PAGES
        writer = self._make_writer(
            ArrivingWriter if arrives else TreeWriter, name, cache, reader, holds_rows=holds_rows, forgets=reread
        )
        if isinstance(writer, ArrivingWriter):
            writer.memory = cache.blocks = BlockMemory(cache.paths, cache.identity, self._content, forgets=reread)
        return self._save(name, kind, root, tree, writer)

    def look_again(self, saved: SavedComponent, tree: Tree) -> SavedComponent:
        """Walk a component a second time and save what either walk saw; this takes the place of ``saved``.

        Raises ``SourceError`` when its root cannot be walked any more, and when this machine could not remember
        the first look.
        """
        name = saved.summary.name
        cache = self._roots[name]
        cache.writer.flush()
        if not cache.writer.is_whole:
            raise refuse_second_look(name, cache.own.parent)
        cache.writer.close()
        cache.older.insert(0, cache.own)
        cache.own = cache.own.with_suffix(".again.partial")
        cache.writer = CacheWriter(cache.own, cache.identity)
        look = SecondLook(tree, read_records(cache.older[0], cache.identity))
        writer = self._make_writer(SecondWriter, name, cache, look)
        again = self._save(name, saved.summary.kind, saved.private.root, look, writer)
        first, totals = saved.totals, again.totals
        totals.read_files, totals.read_bytes = (
            totals.read_files + first.read_files,
            totals.read_bytes + first.read_bytes,
        )
        added_bytes = saved.summary.added_bytes + again.summary.added_bytes
        return replace(again, summary=replace(again.summary, added_bytes=added_bytes))

    def _make_writer(
        self,
        writer: type[TreeWriter],
        component: str,
        cache: _RootCache,
        reader: CacheReader,
        *,
        holds_rows: bool = False,
        forgets: bool = False,
    ) -> TreeWriter:
        chunker = self._row_chunker if holds_rows else self._chunker
        keys = self._vault.credentials.domain_keys(self._domain)
        notes_identity = keyed_id(keys.data_id_key, cache.identity + chunker.way)
        begun = BegunFiles(cache.paths, notes_identity, cache.writer, forgets=forgets) if chunker.way else None
        return writer(
            self._content,
            self._cache.segments,
            keys.tree_id_key,
            chunker,
            component=component,
            cached=reader,
            remember=cache.writer,
            observer=self._observer,
            begun=begun,
        )

    def _save(self, name: str, kind: str, root: bytes, tree: Tree, writer: TreeWriter) -> SavedComponent:
        cache = self._roots[name]
        before = self._content.added_bytes
        self._content.uses = {}
        try:
            tree_id, entry = writer.save(tree)
        except SourceError:
            # The snapshot refers to nothing of it, and what is known of it is no cache of the whole.
            cache.writer.close()
            del self._roots[name]
            raise
        self._content.finish_component()
        cache.uses = self._content.uses
        totals = writer.totals
        return SavedComponent(
            summary=ComponentSummary(
                name=name,
                kind=kind,
                domain=self._domain,
                files=totals.files,
                bytes=totals.bytes,
                added_bytes=self._content.added_bytes - before,
            ),
            private=PrivateComponent(name=name, domain=self._domain, root=root, tree=tree_id, entry=entry),
            totals=totals,
        )

    def find_missing(self, name: str, paths: Collection[bytes]) -> set[bytes] | None:
        """Return those paths that a component, as saved, does not hold; ``None`` when this cannot be known."""
        cache = self._roots[name]
        cache.writer.flush()
        return find_missing(read_records(cache.own, cache.identity), paths) if cache.writer.is_whole else None

    def find_newest_ns(self, name: str) -> int | None:
        """Return when the newest file of a component was modified; ``None`` without a file, or when it is not known."""
        cache = self._roots[name]
        cache.writer.flush()
        return find_newest_ns(read_records(cache.own, cache.identity)) if cache.writer.is_whole else None

    def find_earlier(self, name: str, classes: Collection[str]) -> ComponentSummary | None:
        """Return what the last snapshot of the same stack and one of these classes held of a component, whole."""
        return find_earlier(self._vault, self._stack, name, classes, self._look.marks)

    def leave_out(self, name: str, kind: str, root: bytes) -> SavedComponent:
        """Say that a component could not be saved; the snapshot is then partial."""
        self._content.finish_component()
        cache = self._roots.pop(name, None)
        if cache is not None:
            cache.writer.close()
        return SavedComponent(
            summary=ComponentSummary(name=name, kind=kind, domain=self._domain, complete=False),
            private=PrivateComponent(name=name, domain=self._domain, root=root),
            totals=TreeTotals(),
        )

    def _identity(self, root: bytes) -> bytes:
        return hash_of(self._vault.vault_id + self._domain + root)

    def _open_root(self, root: bytes, name: str) -> _RootCache:
        paths = self._cache.files_of(name.encode() + b"\0" + root)
        older = [*paths.partials(), paths.committed]
        own = paths.own(self.session)
        identity = self._identity(root)
        cache = self._roots[name] = _RootCache(paths, identity, CacheWriter(own, identity), own, older)
        return cache

    def commit(self, request: CommitRequest, components: Sequence[SavedComponent]) -> SnapshotRecord:
        """Put what is left, then the snapshot itself (steps 7 and 9). When this returns, it stands.

        Raises ``SessionVoided`` when a keeper ended the session; the caller begins a new one.
        """
        self._pipeline.finish()
        self._putter.finish()
        uses: dict[SessionId, dict[int, int]] = {}
        self._content.uses = _add_up([root.uses for root in self._roots.values()])
        for place in self._content.uses:
            session, number = self._cache.segments.name_of(place)
            uses.setdefault(session, {})[number] = self._content.share_used(place)
        saved = SavedContent(
            summaries=[component.summary for component in components],
            private=[component.private for component in components],
            uses=uses,
        )
        attempt = Attempt(
            snapshot=self.snapshot,
            host=self._host,
            stack=self._stack,
            parent=self.parent,
            began=self._began,
            marks=self._look.marks,
            relied_on={*self._look.usable_packs, *self._putter.put_hashes},
        )
        record = commit_snapshot(self._vault, self._sealing, request, saved, attempt)
        try:
            self._journal.finish()
        except RebondError as error:
            self._observer.noticed(notice_open_journal(error))
        self._keep_caches()
        return record

    def _keep_caches(self) -> None:
        """The snapshot stands whatever happens here: what this host cannot remember it will read again."""
        try:
            self._commit_caches()
        except OSError as error:
            self._observer.noticed(notice_lost_cache(error))
        except CacheDamaged:
            self._observer.noticed(notice_damaged_cache())

    def _commit_caches(self) -> None:
        for root in self._roots.values():
            root.writer.commit(root.paths.committed)
            if root.blocks is not None:
                root.blocks.commit()
            for older in root.older:
                if older != root.paths.committed:
                    older.unlink(missing_ok=True)
            forget_begun(root.paths, self._vault.clock.now_ms())
        self._cache.save()

    @property
    def stored_bytes(self) -> int:
        """Bytes of the packs that this session put."""
        return self._putter.put_bytes


def _add_up(parts: Sequence[dict[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for part in parts:
        for place, size in part.items():
            total[place] = total.get(place, 0) + size
    return total
