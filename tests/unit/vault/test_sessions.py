"""Journals as they lie in the store: what they declare, when they are done, who is believed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from tests.unit.vault.kept_vault import KeptVault

from rebond.errors import StoreUnreachable
from rebond.identifiers import SessionId, SnapshotId, random_id
from rebond.store.protocol import ObjectInfo
from rebond.testing.faulty_store import FaultyStore
from rebond.vault.looking import look_around
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.protocol_rules import SessionFacts
from rebond.vault.sessions import SessionJournal, list_sessions, read_is_done, read_session_facts


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    return KeptVault(tmp_path)


def begin(kept: KeptVault) -> SessionJournal:
    ids = SnapshotId(random_id()), SessionId(random_id())
    return SessionJournal(kept.store, kept.vault.credentials, *ids, kept.clock)


def facts(kept: KeptVault) -> SessionFacts:
    (session,) = list_sessions(kept.store)
    return read_session_facts(kept.store, session, kept.vault.vault_id, kept.vault.roster)


def test_a_journal_declares_marks_in_any_of_its_records(kept: KeptVault) -> None:
    journal = begin(kept)
    journal.open("here", "backup")
    journal.declare_marks(["trash/a"])
    journal.note_progress(["packs/x"])
    journal.declare_marks(["trash/b"])

    assert facts(kept).declared == {"trash/a", "trash/b"}
    assert not facts(kept).is_done


def test_done_is_the_last_word(kept: KeptVault) -> None:
    journal = begin(kept)
    journal.open("here", "backup")
    (session,) = list_sessions(kept.store)
    assert not read_is_done(kept.store, session, kept.vault.vault_id, kept.vault.roster)

    journal.finish()

    (session,) = list_sessions(kept.store)
    assert read_is_done(kept.store, session, kept.vault.vault_id, kept.vault.roster)
    assert facts(kept).is_done
    assert session.record_name.startswith("snapshots/")


def test_a_record_of_a_stranger_declares_nothing(kept: KeptVault) -> None:
    journal = begin(kept)
    journal.open("here", "backup")
    journal._credentials = replace(kept.vault.credentials, signing_key=Ed25519PrivateKey.generate())
    journal.declare_marks(["trash/a"])
    journal.finish()

    assert facts(kept) == SessionFacts(facts(kept).name)


def test_a_record_of_another_session_declares_nothing(kept: KeptVault) -> None:
    journal = begin(kept)
    journal.open("here", "backup")
    journal.declare_marks(["trash/a"])
    (name,) = [name for name in kept.names("sessions/") if name.endswith("1")]
    content = kept.store.read(name)
    kept.store.delete(name)
    kept.store.put_if_absent(name[:-1] + "7", content)

    assert facts(kept).declared == frozenset()


def test_a_put_whose_answer_was_lost_may_be_repeated(kept: KeptVault) -> None:
    journal = begin(kept)
    journal.open("here", "backup")
    lossy = FaultyStore(kept.store, lose_answer_at_write=0)
    journal._store = lossy

    with pytest.raises(StoreUnreachable):
        journal.declare_marks(["trash/a"])
    journal.declare_marks(["trash/a"])
    journal.finish()

    assert facts(kept).is_done


def test_a_look_opens_declares_and_only_then_lists_packs(kept: KeptVault) -> None:
    kept.write("one")
    kept.save()
    kept.write("two")
    kept.save()
    marked, *free = sorted(kept.names("packs/"))
    mark = put_mark(kept.store, kept.vault.credentials, MarkBody(purpose="delete", time_ms=0, names=[marked]))
    seen: list[str] = []

    class Watching(FaultyStore):
        def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
            seen.append("list " + prefix)
            return super().list_objects(prefix)

        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            seen.append("put " + name[-1])
            super().put_if_absent(name, content)

    store = Watching(kept.store)
    journal = SessionJournal(store, kept.vault.credentials, SnapshotId(random_id()), SessionId(random_id()), kept.clock)

    look = look_around(store, kept.vault.vault_id, kept.vault.roster, journal, host="here", purpose="backup")

    assert seen == ["put 0", "list trash/", "put 1", "list packs/"]
    assert set(look.usable_packs) == {bytes.fromhex(name[-64:]) for name in free}
    assert look.marks.mark_names == {mark}
