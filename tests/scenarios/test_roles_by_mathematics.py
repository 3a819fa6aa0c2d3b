"""What each role can do with every key that it holds or can derive, whatever program it runs."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.scenarios.small_tree import SmallTree
from tests.unit.vault.owned_vault import CHEAP, OwnedVault, contents, own_a_vault, secret

from rebond.errors import RebondError, RoleTooSmall, VaultDamaged, WrongKey
from rebond.findings import Finding
from rebond.identifiers import DomainId, MemberId, SessionId, SnapshotId, random_id
from rebond.progress import Silence
from rebond.vault.access import Vault
from rebond.vault.commits import UnreadableCommit, read_commits, read_snapshots
from rebond.vault.committing import CommitRequest
from rebond.vault.credentials import Credentials
from rebond.vault.frames import LEVELS, Compressor, build_frame, open_frame
from rebond.vault.headers import HEADER_SIZE
from rebond.vault.index import build_index_list, index_name
from rebond.vault.members import IssuedMember, issue_keeper, issue_writer, revoke_member
from rebond.vault.opening import OpenedVault, open_vault, secret_from_file
from rebond.vault.packs import PackBuilder, PackedSegment, SegmentRow, open_table, read_tail, table_binding
from rebond.vault.primitives import (
    derive,
    hash_of,
    open_seal,
    sealing_private_key,
    sealing_public_key,
    signing_key,
)
from rebond.vault.reading import SnapshotReader
from rebond.vault.segments import SegmentKind, open_segment, seal_segment
from rebond.vault.snapshots import SnapshotRecord, build_snapshot, snapshot_name
from rebond.vault.writing import SnapshotSession

FILES = {b"invoice.txt": b"what must stay secret " * 50, b"logo.png": bytes(range(256)) * 40}


@dataclass
class Stage:
    """A vault with two writers, a keeper, and one snapshot by the first writer."""

    made: OwnedVault
    caches: Path
    writer: IssuedMember
    other: IssuedMember
    keeper: IssuedMember
    record: SnapshotRecord

    def owner(self) -> OpenedVault:
        return open_vault(self.made.store, secret())

    def member(self, issued: IssuedMember) -> OpenedVault:
        return open_vault(self.made.store, secret_from_file(issued.content))

    def live(self, opened: OpenedVault, told: list[Finding] | None = None) -> Vault:
        return Vault(
            store=self.made.store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self.caches / opened.credentials.member.hex(),
            clock=self.made.clock,
            report=(told if told is not None else []).append,
        )

    def packs(self) -> list[bytes]:
        return [content for name, content in contents(self.made.store).items() if name.startswith("packs/")]

    def rows(self, pack: bytes) -> list[SegmentRow]:
        """What the pack's tail says, with the owner's key."""
        domain = self.writer.member.domains[0]
        return read_tail(pack, pack[:HEADER_SIZE], self.owner().credentials.catalog(domain).keys)


def back_up(vault: Vault) -> SnapshotRecord:
    with SnapshotSession(vault, level=LEVELS["fast"], host="web", stack="shop", observer=Silence()) as session:
        saved = session.save_tree("media", "files", b"/srv/media", SmallTree(FILES))
        return session.commit(CommitRequest(time_ms=vault.clock.now_ms()), [saved])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = own_a_vault()

    def owner() -> OpenedVault:
        return open_vault(made.store, secret())

    issued = []
    for label, issue in (("web", issue_writer), ("db", issue_writer), ("keeper", issue_keeper)):
        opened = owner()
        issued.append(
            issue(made.store, opened.require_keyring(), opened.roster, label=label, clock=made.clock, cost=CHEAP)
        )
    writer, other, keeper = issued
    opened = open_vault(made.store, secret_from_file(writer.content))
    vault = Vault(
        store=made.store,
        credentials=opened.credentials,
        roster=opened.roster,
        caches=tmp_path / writer.member.id.hex(),
        clock=made.clock,
    )
    return Stage(made, tmp_path, writer, other, keeper, back_up(vault))


def every_key(credentials: Credentials) -> list[bytes]:
    """Everything of 32 bytes that this role holds, and all that the format derives from any of it."""
    keys = [credentials.signing_key.private_bytes_raw(), *credentials.catalog_roots]
    keys += credentials.sealing_seeds.values()
    for domain in credentials.domain_secrets.values():
        keys += [domain.secret, domain.data_id_key, domain.tree_id_key, domain.table_key]
    for catalog in credentials.own_catalogs.values():
        keys += [*catalog.keys, catalog.name_key]
    labels = ("data id", "tree id", "chunk table", "chunker", "catalog", "names", "runs", "segment key", "key tag")
    return list({*keys, *(derive(label, key) for label in labels for key in keys)})


def count_opened_segments(stage: Stage, keys: list[bytes]) -> int:
    """Try every key as a sealing seed on every segment of every pack."""
    opened = 0
    for pack in stage.packs():
        for row in stage.rows(pack):
            stored = pack[row.offset : row.offset + row.stored_length]
            for key in keys:
                try:
                    open_frame(open_segment(stored, sealing_private_key(key)))
                    opened += 1
                except RebondError:
                    continue
    return opened


def count_opened_tables(stage: Stage, keys: list[bytes]) -> int:
    """Try every key on every chunk table of every pack."""
    opened = 0
    vault_id, domain = stage.made.created.vault_id, stage.writer.member.domains[0]
    for pack in stage.packs():
        for row in stage.rows(pack):
            table = pack[row.table_offset : row.table_offset + row.table_length]
            for key in keys:
                try:
                    open_table(key, table, table_binding(vault_id, domain, row.session, row.number), row.chunk_count)
                    opened += 1
                except (WrongKey, VaultDamaged):
                    continue
    return opened


def count_segments(stage: Stage) -> int:
    return sum(len(stage.rows(pack)) for pack in stage.packs())


def test_no_key_of_a_writer_opens_a_segment_and_the_owner_s_opens_each(stage: Stage) -> None:
    assert count_segments(stage) > 0

    assert count_opened_segments(stage, every_key(stage.member(stage.writer).credentials)) == 0
    assert count_opened_segments(stage, list(stage.owner().credentials.sealing_seeds.values())) == count_segments(stage)


def test_no_key_of_a_keeper_opens_a_segment_or_a_chunk_table_and_a_writer_s_opens_its_tables(stage: Stage) -> None:
    keeper = every_key(stage.member(stage.keeper).credentials)

    assert count_opened_segments(stage, keeper) == 0
    assert count_opened_tables(stage, keeper) == 0
    assert count_opened_tables(stage, every_key(stage.member(stage.writer).credentials)) == count_segments(stage)


def test_no_key_of_a_domain_opens_another_s_catalog_or_tables(stage: Stage) -> None:
    other = every_key(stage.member(stage.other).credentials)
    raw = stage.made.store.read(stage.record.name)

    assert count_opened_tables(stage, other) == 0
    for pack in stage.packs():
        with pytest.raises(WrongKey):
            read_tail(pack, pack[:HEADER_SIZE], tuple(other))
    assert FILES[b"invoice.txt"][:22] not in raw
    assert read_snapshots(stage.live(stage.member(stage.other))) == []
    with pytest.raises(WrongKey):
        open_seal(other, "snapshot", raw[HEADER_SIZE + 48 :], raw[: HEADER_SIZE + 48])


def test_owner_and_keeper_see_the_catalog_of_every_writer_and_only_the_owner_reads_content(stage: Stage) -> None:
    for opened in (stage.owner(), stage.member(stage.keeper), stage.member(stage.writer)):
        (found,) = read_snapshots(stage.live(opened))
        assert [c.name for c in found.catalog.components] == ["media"]

    with SnapshotReader(stage.live(stage.owner()), stage.record) as reader:
        (component,) = reader.components
        assert [entry.name for entry in reader.directory(component.tree)] == sorted(FILES)
    for issued in (stage.writer, stage.keeper):
        with pytest.raises(RoleTooSmall):
            SnapshotReader(stage.live(stage.member(issued)), stage.record)


def test_neither_content_nor_file_names_nor_paths_lie_in_the_vault_in_the_clear(stage: Stage) -> None:
    for name, content in contents(stage.made.store).items():
        for hidden in (b"what must stay secret", b"invoice.txt", b"/srv/media", b"media", b"shop", bytes(range(256))):
            assert hidden not in content or name in {"README.txt", "VAULT-FORMAT.md"}, (name, hidden)


# --- forgeries


def forge(stage: Stage, *, member: MemberId, seed: bytes, catalog_key: bytes) -> str:
    """Put a snapshot as somebody who has a catalog key and some signing key."""
    snapshot, session = SnapshotId(random_id()), SessionId(random_id())
    name = snapshot_name(member, snapshot, session)
    content = build_snapshot(
        vault_id=stage.made.created.vault_id,
        domain=stage.writer.member.domains[0],
        snapshot=snapshot,
        session=session,
        member=member,
        catalog_key=catalog_key,
        catalog=stage.record.catalog,
        private_segment=stage.record.private_segment,
        signing_key=signing_key(seed),
    )
    stage.made.store.put_if_absent(name, content)
    return name


def seed_of(issued: IssuedMember) -> bytes:
    return issued.credentials.signing_key.private_bytes_raw()


@pytest.mark.parametrize("forger", ["stranger", "keeper as itself", "keeper as writer", "other writer as itself"])
def test_a_forged_snapshot_is_shown_as_foreign_and_never_listed(stage: Stage, forger: str) -> None:
    catalog_key = stage.owner().credentials.catalog(stage.writer.member.domains[0]).current
    member, seed = {
        "stranger": (stage.writer.member.id, b"T" * 32),
        "keeper as itself": (stage.keeper.member.id, seed_of(stage.keeper)),
        "keeper as writer": (stage.writer.member.id, seed_of(stage.keeper)),
        "other writer as itself": (stage.other.member.id, seed_of(stage.other)),
    }[forger]
    name = forge(stage, member=member, seed=seed, catalog_key=catalog_key)

    for opened in (stage.owner(), stage.member(stage.keeper)):
        vault = stage.live(opened)
        foreign = [c for c in read_commits(vault) if isinstance(c, UnreadableCommit)]
        assert [(c.name.name, c.code) for c in foreign] == [(name, "foreign-object")]
        assert [record.name for record in read_snapshots(vault)] == [stage.record.name]


def test_the_same_bytes_signed_by_the_writer_himself_are_listed(stage: Stage) -> None:
    """The control of the test above: what it refuses, it refuses for the signature alone."""
    catalog_key = stage.owner().credentials.catalog(stage.writer.member.domains[0]).current
    name = forge(stage, member=stage.writer.member.id, seed=seed_of(stage.writer), catalog_key=catalog_key)

    assert name in [record.name for record in read_snapshots(stage.live(stage.owner()))]


def test_what_a_revoked_writer_puts_is_foreign_and_what_it_put_before_stays(stage: Stage) -> None:
    opened = stage.owner()
    stage.made.clock.advance(60)
    revoke_member(
        stage.made.store, opened.require_keyring(), opened.roster, stage.writer.member.id, clock=stage.made.clock
    )
    stage.made.clock.advance(60)
    catalog_key = opened.credentials.catalog(stage.writer.member.domains[0]).current
    forge(stage, member=stage.writer.member.id, seed=seed_of(stage.writer), catalog_key=catalog_key)

    assert [record.name for record in read_snapshots(stage.live(stage.owner()))] == [stage.record.name]
    with pytest.raises(RoleTooSmall):
        stage.member(stage.writer)
    with pytest.raises(RebondError):  # an old process that still holds the keys and reads the new roster
        back_up(stage.live(replace(stage.owner(), credentials=stage.writer.credentials)))


def plant_content(stage: Stage, forger: IssuedMember, *, seed: bytes) -> int:
    """Put, for every segment of the vault, one of the same name with other content; return how many.

    Whoever knows the public key can seal it, and a keeper has the catalog key for tail and index
    list. The chunk tables are copied: nobody but a writer of the domain could make them.
    """
    opened = stage.owner()
    domain = stage.writer.member.domains[0]
    catalog_key = opened.credentials.catalog(domain).current  # what a keeper derives too
    planted = 0
    for pack in stage.packs():
        builder = PackBuilder(opened.description.vault_id, domain)
        for row in stage.rows(pack):
            builder.add(alter_segment(opened, pack, row, domain))
            planted += 1
        filled = builder.fill(catalog_key)
        stage.made.store.put_if_absent(filled.name, filled.content)
        rows = [msgspec.structs.replace(row, member=forger.member.id) for row in filled.rows]
        content = build_index_list(
            [(filled.pack_hash, len(filled.content), rows, filled.tables)],
            vault_id=opened.description.vault_id,
            domain=domain,
            catalog_key=catalog_key,
            member=forger.member.id,
            signing_key=signing_key(seed),
        )
        stage.made.store.put_if_absent(index_name(domain, content), content)
    return planted


def alter_segment(opened: OpenedVault, pack: bytes, row: SegmentRow, domain: DomainId) -> PackedSegment:
    """Seal anew, to the public key alone, the segment of a row with its last byte changed."""
    stored = pack[row.offset : row.offset + row.stored_length]
    raw = bytearray(open_frame(open_segment(stored, sealing_private_key(opened.credentials.sealing_seed(1)))))
    raw[-1] ^= 0xFF  # the last byte of the last chunk
    sealed = seal_segment(
        sealing_public_key(opened.roster.sealing_public),
        build_frame(bytes(raw), Compressor(LEVELS["fast"])),
        kind=SegmentKind(row.kind),
        epoch=1,
        vault_id=opened.description.vault_id,
        domain=domain,
        session=SessionId(row.session),
        number=row.number,
    )
    table = pack[row.table_offset : row.table_offset + row.table_length]
    return PackedSegment(
        SessionId(row.session),
        row.number,
        row.kind,
        sealed.stored,
        hash_of(sealed.stored),
        len(raw),
        table,
        row.chunk_count,
    )


def read_everything(stage: Stage, caches: Path) -> dict[bytes, bytes]:
    """Read the snapshot back with the owner's key and no cache; what cannot be read is left out."""
    vault = replace(stage.live(stage.owner()), caches=caches)
    found = {}
    with contextlib.suppress(VaultDamaged), SnapshotReader(vault, stage.record) as reader:
        for entry in reader.directory(reader.components[0].tree):
            parts = [
                reader.fetch(reader.find_place(chunk_id)).find(chunk_id[:16])
                for chunk_id, _ in reader.chunk_rows(entry)
            ]
            if None not in parts:
                found[entry.name] = b"".join(bytes(part) for part in parts if part is not None)
    return found


def test_what_is_made_with_the_public_key_alone_never_takes_the_place_of_content(stage: Stage, tmp_path: Path) -> None:
    assert read_everything(stage, tmp_path / "before") == FILES
    segments = count_segments(stage)
    assert plant_content(stage, stage.writer, seed=b"T" * 32) == segments  # signed by nobody of the roster

    assert read_everything(stage, tmp_path / "after") == FILES


def test_a_keeper_that_plants_content_falsifies_nothing(stage: Stage, tmp_path: Path) -> None:
    """It may delete, so it may hinder reading; what is read is what the writer wrote."""
    assert plant_content(stage, stage.keeper, seed=seed_of(stage.keeper)) > 0

    read = read_everything(stage, tmp_path / "after")
    assert all(FILES[name] == content for name, content in read.items())
