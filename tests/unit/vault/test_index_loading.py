"""What may be referred to: only what is indexed, listed, unmarked and trusted; all else is stored again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.vault.small_segments import save_small
from tests.unit.vault.written_vault import WrittenVault

from rebond.errors import StoreUnreachable
from rebond.findings import Finding
from rebond.operations.snapshots import list_snapshots
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.vaults import open_made, read_back
from rebond.vault.access import Vault
from rebond.vault.commits import load_references
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.roster import Untrusted


@pytest.fixture
def place(tmp_path: Path) -> WrittenVault:
    place = WrittenVault(tmp_path)
    save_small(place.vault(), place.tree)
    return place


def reporting(place: WrittenVault, host: str, findings: list[Finding]) -> Vault:
    place.clock.advance(1)
    return open_made(place.created, place.store, place.clock, place.caches / host, report=findings.append)


def check_next_run(place: WrittenVault, host: str, *, stores_again: bool, gone: bool = True) -> None:
    """The next run refers to nothing that is in doubt, so its snapshot is whole without it."""
    doubtful = place.names("packs/")
    before = {info.name for info in place.store.list_objects("packs/")}
    outcome = save_small(place.vault(host), place.tree)
    put = {info.name for info in place.store.list_objects("packs/")} - before
    assert bool(put) is stores_again
    if stores_again and gone:
        for name in doubtful:
            place.store.delete(name)
    assert read_back(place.vault("another"), outcome) == place.tree.files


HOSTS = pytest.mark.parametrize("host", ["host", "a host without caches"])


@HOSTS
def test_what_is_indexed_and_listed_is_used_again(place: WrittenVault, host: str) -> None:
    check_next_run(place, host, stores_again=False)


@HOSTS
def test_what_a_pack_held_that_is_no_longer_listed_is_stored_again(place: WrittenVault, host: str) -> None:
    for name in place.names("packs/"):
        place.store.delete(name)

    check_next_run(place, host, stores_again=True)


@HOSTS
@pytest.mark.parametrize("left", [0, 1000])
def test_what_a_pack_held_that_was_cut_is_stored_again_and_told(place: WrittenVault, host: str, left: int) -> None:
    """As a power cut leaves it on a disk that said too early that it had it. The source still has what was in it."""
    for name in place.names("packs/"):
        content = place.store.read(name)
        place.store.delete(name)
        place.store.put_if_absent(name, content[:left])

    check_next_run(place, host, stores_again=True)

    assert list_snapshots(place.vault())[-1].catalog.problems == 1


@HOSTS
def test_what_a_marked_pack_holds_is_stored_again(place: WrittenVault, host: str) -> None:
    body = MarkBody(purpose="delete", time_ms=1, names=place.names("packs/"))
    put_mark(place.store, place.created.credentials, body)

    check_next_run(place, host, stores_again=True)


@HOSTS
def test_a_mark_that_nobody_may_make_is_honoured_all_the_same(place: WrittenVault, host: str) -> None:
    stranger = WrittenVault(place.caches / "stranger").created.credentials
    body = MarkBody(purpose="delete", time_ms=1, names=place.names("packs/"))
    forged = msgspec.structs.replace(stranger, vault_id=place.created.credentials.vault_id)
    put_mark(place.store, forged, body)

    check_next_run(place, host, stores_again=True)


@HOSTS
def test_a_segment_that_was_found_damaged_is_stored_again(place: WrittenVault, host: str) -> None:
    record = list_snapshots(place.vault())[0]
    segments = [(bytes(session), number) for session, number in load_references(place.vault(), record)]
    put_mark(place.store, place.created.credentials, MarkBody(purpose="damage", time_ms=1, segments=segments))

    check_next_run(place, host, stores_again=True)


@HOSTS
def test_what_a_member_stored_that_is_not_trusted_any_more_is_stored_again(place: WrittenVault, host: str) -> None:
    roster = place.created.roster
    untrusted = (Untrusted(member=place.created.credentials.member, since_ms=0),)
    doubting = msgspec.structs.replace(roster, untrusted=untrusted)
    vault = place.vault(host)
    vault = Vault(
        store=vault.store, credentials=vault.credentials, roster=doubting, caches=vault.caches, clock=vault.clock
    )
    before = set(place.names("packs/"))

    save_small(vault, place.tree)

    assert set(place.names("packs/")) - before


def spoil(place: WrittenVault, change: Callable[[bytes], bytes]) -> list[str]:
    names = place.names("index/")
    for name in names:
        content = place.store.read(name)
        place.store.delete(name)
        place.store.put_if_absent(name, change(content))
    return names


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c[:40], lambda c: b"", lambda c: bytes([c[0] ^ 1]) + c[1:]]
)
def test_a_damaged_list_is_reported_and_what_it_names_is_stored_again(
    place: WrittenVault, change: Callable[[bytes], bytes]
) -> None:
    names = spoil(place, change)
    findings: list[Finding] = []

    outcome = save_small(reporting(place, "new host", findings), place.tree)

    assert {finding.subject for finding in findings} == set(names)
    assert read_back(place.vault("another"), outcome) == place.tree.files


def test_a_host_that_knew_the_list_before_it_was_damaged_goes_on_with_what_it_knew(place: WrittenVault) -> None:
    spoil(place, lambda content: content[:-1])

    check_next_run(place, "host", stores_again=False)


def test_a_list_that_a_keeper_replaced_between_the_listing_and_the_read_is_no_fault(place: WrittenVault) -> None:
    findings: list[Finding] = []

    class Replacing(ForwardingStore):
        def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
            if name.startswith("index/"):
                self.inner.delete(name)
            return self.inner.read(name, start=start, length=length)

    vault = open_made(place.created, Replacing(place.store), place.clock, place.caches / "slow", report=findings.append)

    outcome = save_small(vault, place.tree)

    assert findings == []
    assert read_back(place.vault("another"), outcome) == place.tree.files


@pytest.mark.parametrize("prefix", ["index/", "packs/", "trash/", "snapshots/"])
def test_a_listing_that_fails_is_never_an_empty_one(place: WrittenVault, prefix: str) -> None:
    class Cutting(ForwardingStore):
        def list_objects(self, wanted: str = "") -> Iterator[ObjectInfo]:
            yield from self.inner.list_objects(wanted)
            if wanted.startswith(prefix):
                raise StoreUnreachable("The listing broke off.", hint="x")

    vault = open_made(place.created, Cutting(place.store), place.clock, place.caches / "host")
    before = set(place.names(""))

    with pytest.raises(StoreUnreachable):
        save_small(vault, place.tree)

    assert {name for name in set(place.names("")) - before if not name.startswith("sessions/")} == set()


@pytest.mark.parametrize("prefix", ["index/", "trash/"])
def test_a_read_that_fails_ends_the_run(place: WrittenVault, prefix: str) -> None:
    put_mark(place.store, place.created.credentials, MarkBody(purpose="delete", time_ms=1))
    store = FaultyStore(place.store)
    unreachable = StoreUnreachable("It does not answer.", hint="x")
    store.fail_when = lambda verb, name: unreachable if verb == "read" and name.startswith(prefix) else None

    with pytest.raises(StoreUnreachable):
        save_small(open_made(place.created, store, place.clock, place.caches / "new host"), place.tree)


def test_marks_are_read_before_packs_are_listed(place: WrittenVault) -> None:
    """A pack listed before the marks are read may be gone when they are."""
    order: list[str] = []

    class Noting(ForwardingStore):
        def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
            order.append(prefix.split("/", maxsplit=1)[0])
            return self.inner.list_objects(prefix)

        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            order.append("put " + name.split("/", maxsplit=1)[0])
            self.inner.put_if_absent(name, content)

    save_small(open_made(place.created, Noting(place.store), place.clock, place.caches / "host"), place.tree)

    declared = [position for position, each in enumerate(order) if each == "put sessions"][1]
    assert order[0] == "put sessions", "the session is known before anything is looked at"
    assert order.index("trash") < declared < order.index("packs")
    assert declared < order.index("index")
