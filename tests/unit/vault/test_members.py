import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.vault.owned_vault import CHEAP, OwnedVault, contents, copy_store, own_a_vault, secret

from rebond.errors import (
    ForeignObject,
    RebondError,
    Refused,
    RoleTooSmall,
    UnknownName,
    UsageError,
    VaultDamaged,
    WrongKey,
)
from rebond.identifiers import DomainId, MemberId
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.vaults import open_credentials
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import with_sum
from rebond.vault.keyring import OpenKeyring
from rebond.vault.member_files import (
    MemberFile,
    MemberFileSecret,
    build_member_file,
    looks_like_member_file,
    read_member_file,
    write_secret_file,
)
from rebond.vault.members import (
    IssuedMember,
    find_member_by_label,
    issue_keeper,
    issue_writer,
    revoke_member,
    shared_domain,
)
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.pins import Pins
from rebond.vault.roster import Roster, load_newest_roster
from rebond.vault.slots import passphrase_secret

FILE_PASSPHRASE = passphrase_secret("of the file")


def reopened(made: OwnedVault) -> tuple[OpenKeyring, Roster]:
    opened = open_vault(made.store, secret())
    return opened.require_keyring(), opened.roster


def a_writer(made: OwnedVault, label: str = "web-1", share: DomainId | None = None) -> IssuedMember:
    return issue_writer(made.store, *reopened(made), label=label, clock=made.clock, share_domain=share, cost=CHEAP)


def a_keeper(made: OwnedVault, label: str = "keeper") -> IssuedMember:
    return issue_keeper(made.store, *reopened(made), label=label, clock=made.clock, cost=CHEAP)


def everything_reachable(credentials: Credentials) -> bytes:
    """Every byte that a credential holds or derives, laid end to end."""
    parts = [
        credentials.signing_key.private_bytes_raw(),
        *credentials.catalog_roots,
        *credentials.sealing_seeds.values(),
    ]
    for keys in credentials.domain_secrets.values():
        parts += [keys.secret, keys.data_id_key, keys.tree_id_key, keys.table_key]
    for catalog in credentials.own_catalogs.values():
        parts += [*catalog.keys, catalog.name_key]
    return b"".join(parts)


def test_a_writer_holds_no_sealing_seed_no_catalog_root_no_owner_s_key_and_no_other_domain() -> None:
    made = own_a_vault()
    other, issued = a_writer(made, "web-2"), a_writer(made)
    secrets = reopened(made)[0].secrets
    own = issued.member.domains

    forbidden = [secrets.owner_seed, *secrets.sealing_seeds.values(), *secrets.catalog_roots]
    forbidden += [secret for domain, secret in secrets.domain_secrets.items() if domain not in own]
    assert len(forbidden) == 5  # O, E[1], C[0], the owner's D, the other writer's D
    for file in (issued.content, everything_reachable(issued.credentials)):
        assert not [value for value in forbidden if value in file]

    opened = open_credentials(made.store, secret_from_file(issued.content))
    assert opened.role is Role.WRITER
    assert opened.sealing_seeds == {}
    assert opened.catalog_roots == ()
    assert opened.writing_domain() == own[0]
    owner = open_credentials(made.store, secret())
    assert opened.domain_keys(own[0]) == owner.domain_keys(own[0])
    assert opened.catalog(own[0]) == owner.catalog(own[0])
    deeds: list[Callable[[], object]] = [
        lambda: opened.sealing_seed(1),
        lambda: opened.domain_keys(other.member.domains[0]),
        lambda: opened.catalog(other.member.domains[0]),
        opened.require_keeper,
    ]
    for deed in deeds:
        with pytest.raises(RoleTooSmall):
            deed()


def test_a_keeper_holds_the_catalog_roots_and_no_sealing_seed_no_domain_secret_no_owner_s_key() -> None:
    made = own_a_vault()
    a_writer(made)
    issued = a_keeper(made)
    secrets = reopened(made)[0].secrets

    forbidden = [secrets.owner_seed, *secrets.sealing_seeds.values(), *secrets.domain_secrets.values()]
    assert len(forbidden) == 4
    for file in (issued.content, everything_reachable(issued.credentials)):
        assert not [value for value in forbidden if value in file]

    opened = open_credentials(made.store, secret_from_file(issued.content))
    owner = open_credentials(made.store, secret())
    assert opened.role is Role.KEEPER
    opened.require_keeper()
    for domain in secrets.domain_secrets:
        assert opened.catalog(domain) == owner.catalog(domain)
        with pytest.raises(RoleTooSmall):
            opened.domain_keys(domain)
    deeds: list[Callable[[], object]] = [lambda: opened.sealing_seed(1), opened.writing_domain]
    for deed in deeds:
        with pytest.raises(RoleTooSmall):
            deed()


def test_members_may_not_manage_keys() -> None:
    made = own_a_vault()

    for issued in (a_writer(made), a_keeper(made)):
        with pytest.raises(RoleTooSmall):
            open_vault(made.store, secret_from_file(issued.content)).require_keyring()


def test_writers_of_one_domain_share_it_and_each_has_a_private_one() -> None:
    made = own_a_vault()
    first = a_writer(made, "a")
    second = a_writer(made, "b", share=first.member.domains[0])

    assert second.member.domains[0] == first.member.domains[0]
    assert len(second.member.domains) == 2
    private = second.member.domains[1]
    assert private not in first.member.domains
    assert second.credentials.domain_keys(first.member.domains[0]) == first.credentials.domain_keys(
        first.member.domains[0]
    )
    with pytest.raises(UnknownName):
        a_writer(made, "c", share=DomainId(b"nowhere."))


def test_a_domain_is_shared_with_a_writer_and_never_with_a_keeper() -> None:
    made = own_a_vault()
    writer, keeper = a_writer(made, "web"), a_keeper(made)
    _, roster = reopened(made)

    assert shared_domain(roster, "web") == writer.member.domains[0]
    with pytest.raises(UsageError) as raised:
        shared_domain(roster, keeper.member.label)
    assert keeper.member.label in str(raised.value)
    with pytest.raises(UnknownName):
        shared_domain(roster, "nobody")


def test_a_label_is_given_once_until_it_is_revoked() -> None:
    made = own_a_vault()
    issued = a_writer(made)

    with pytest.raises(UsageError, match="web-1"):
        a_keeper(made, "web-1")
    for label in ("", "x" * 257, "two\nlines"):
        with pytest.raises(UsageError):
            a_keeper(made, label)
    revoke_member(made.store, *reopened(made), issued.member.id, clock=made.clock)
    assert find_member_by_label(reopened(made)[1], "web-1").id == issued.member.id
    again = a_writer(made)
    assert find_member_by_label(again.roster, "web-1").id == again.member.id
    assert find_member_by_label(again.roster, again.member.id.hex()).id == again.member.id
    with pytest.raises(UnknownName):
        find_member_by_label(again.roster, "nobody")


def test_the_beginning_of_several_ids_names_none_until_one_is_left() -> None:
    made = own_a_vault()
    first, second = a_writer(made, "a").member, a_writer(made, "b").member
    _, roster = reopened(made)
    alike = {first.id: MemberId(bytes(7) + b"\1"), second.id: MemberId(bytes(7) + b"\2")}
    members = tuple(structs.replace(each, id=alike.get(each.id, each.id)) for each in roster.members)
    roster = structs.replace(roster, members=members)

    with pytest.raises(UsageError, match="several ids") as raised:
        find_member_by_label(roster, "00000000")
    assert all(each.hex() in str(raised.value) for each in alike.values())
    assert find_member_by_label(roster, "0" * 15 + "2").label == "b"
    left = tuple(
        structs.replace(each, revoked_at_ms=1) if each.id == alike[first.id] else each for each in roster.members
    )
    assert find_member_by_label(structs.replace(roster, members=left), "00000000").label == "b"


def test_a_revoked_member_is_out_and_its_domain_is_closed() -> None:
    made = own_a_vault()
    issued = a_writer(made)
    made.clock.advance(60)
    done = revoke_member(made.store, *reopened(made), issued.member.id, clock=made.clock)

    assert done.closed_domains == issued.member.domains
    assert done.need_new_files == ()
    revoked_at = done.member.revoked_at_ms
    assert revoked_at == made.clock.now_ms()
    done.roster.require_valid_member(issued.member.id, revoked_at - 1, domain=issued.member.domains[0])
    with pytest.raises(ForeignObject):
        done.roster.require_valid_member(issued.member.id, revoked_at)
    with pytest.raises(RoleTooSmall, match="revoked"):
        open_credentials(made.store, secret_from_file(issued.content))
    assert done.roster.is_trusted(issued.member.id, revoked_at)  # what it stored before is good

    again = revoke_member(made.store, *reopened(made), issued.member.id, clock=made.clock)
    assert again.roster.number == done.roster.number


def test_retiring_one_of_two_writers_keeps_their_domain_open_and_theft_closes_it() -> None:
    made = own_a_vault()
    first = a_writer(made, "a")
    shared = first.member.domains[0]
    second = a_writer(made, "b", share=shared)

    retired = revoke_member(made.store, *reopened(made), second.member.id, clock=made.clock)
    assert retired.closed_domains == (second.member.domains[1],)
    open_credentials(made.store, secret_from_file(first.content))

    third = a_writer(made, "c", share=shared)
    stolen = revoke_member(made.store, *reopened(made), third.member.id, clock=made.clock, was_stolen_since_ms=77)
    assert set(stolen.closed_domains) == set(third.member.domains)
    assert [member.label for member in stolen.need_new_files] == ["a"]
    assert not stolen.roster.is_trusted(third.member.id, 77)
    assert stolen.roster.is_trusted(third.member.id, 76)
    with pytest.raises(RoleTooSmall, match="closed"):
        open_credentials(made.store, secret_from_file(first.content))
    stolen.roster.require_valid_member(first.member.id, made.clock.now_ms() - 1, domain=shared)

    earlier = revoke_member(made.store, *reopened(made), third.member.id, clock=made.clock, was_stolen_since_ms=50)
    later = revoke_member(made.store, *reopened(made), third.member.id, clock=made.clock, was_stolen_since_ms=90)
    assert not earlier.roster.is_trusted(third.member.id, 50)
    assert not later.roster.is_trusted(third.member.id, 50)  # distrust never shrinks


def test_the_owner_is_not_revoked_and_an_unknown_member_is_said_to_be_so() -> None:
    made = own_a_vault()

    with pytest.raises(Refused):
        revoke_member(made.store, *reopened(made), made.created.credentials.member, clock=made.clock)
    with pytest.raises(UnknownName):
        revoke_member(made.store, *reopened(made), MemberId(b"nobody.."), clock=made.clock)


def test_a_member_s_file_opens_its_own_vault_only() -> None:
    first, second = own_a_vault(), own_a_vault()
    issued = a_keeper(first)

    with pytest.raises(ForeignObject, match="another vault"):
        open_credentials(second.store, secret_from_file(issued.content))


def test_a_member_s_file_does_not_open_a_vault_from_before_it_was_issued(tmp_path: Path) -> None:
    made = own_a_vault()
    older = copy_store(made.store)
    issued = a_keeper(made)

    with pytest.raises(VaultDamaged, match="rolled back"):
        open_credentials(older, secret_from_file(issued.content))
    pins = Pins(tmp_path)
    open_credentials(made.store, secret_from_file(issued.content), pins=pins)
    before = copy_store(made.store)
    a_writer(made)
    open_credentials(made.store, secret_from_file(issued.content), pins=pins)
    with pytest.raises(VaultDamaged, match="rolled back"):
        open_credentials(before, secret_from_file(issued.content), pins=pins)


def test_a_file_with_a_member_s_id_and_another_s_key_is_foreign() -> None:
    made = own_a_vault()
    keeper, other = a_keeper(made), a_keeper(made, "other")
    forged = MemberFile(credentials=keeper.credentials, label="keeper")
    content = build_member_file(forged, other.credentials.signing_key.private_bytes_raw())

    with pytest.raises(ForeignObject):
        open_credentials(made.store, secret_from_file(content))


# --- the file itself


def test_a_file_wrapped_by_a_passphrase_needs_it() -> None:
    made = own_a_vault()
    issued = issue_writer(
        made.store,
        *reopened(made),
        label="w",
        clock=made.clock,
        passphrase=FILE_PASSPHRASE,
        address="s3://b",
        cost=CHEAP,
    )
    file = read_member_file(issued.content, FILE_PASSPHRASE)

    assert (file.label, file.address) == ("w", "s3://b")
    assert file.credentials.domain_secrets == issued.credentials.domain_secrets
    hidden = everything_reachable(issued.credentials)
    assert not [hidden[i : i + 32] for i in range(0, len(hidden), 32) if hidden[i : i + 32] in issued.content]
    with pytest.raises(WrongKey, match="none was given"):
        open_credentials(made.store, secret_from_file(issued.content))
    with pytest.raises(WrongKey):
        open_credentials(made.store, secret_from_file(issued.content, "wrong"))
    assert open_credentials(made.store, secret_from_file(issued.content, "of the file")).role is Role.WRITER


def test_files_are_told_apart_by_their_first_bytes() -> None:
    made = own_a_vault()

    assert looks_like_member_file(a_keeper(made).content)
    assert isinstance(secret_from_file(a_writer(made).content), MemberFileSecret)
    assert not isinstance(secret_from_file(bytes(32)), MemberFileSecret)
    with pytest.raises(WrongKey):
        secret_from_file(b"something else entirely, longer than a key")


def test_there_is_no_member_file_for_the_owner() -> None:
    made = own_a_vault()

    with pytest.raises(UsageError):
        build_member_file(MemberFile(credentials=made.created.credentials, label="o"), bytes(32))


def test_a_secret_file_is_for_its_owner_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "writer.key"
    before = os.umask(0)
    try:
        write_secret_file(path, b"secret")
    finally:
        os.umask(before)

    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused):
        write_secret_file(path, b"other")
    assert path.read_bytes() == b"secret"
    with pytest.raises(UsageError):
        write_secret_file(tmp_path / "nowhere" / "x", b"secret")


MADE = own_a_vault()
WRAPPED = issue_writer(
    MADE.store, *reopened(MADE), label="fuzz", clock=MADE.clock, passphrase=FILE_PASSPHRASE, cost=CHEAP
).content
PLAIN = a_keeper(MADE, "plain").content


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_member_files_never_raise_anything_but_our_errors(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([WRAPPED, PLAIN]))[:-32])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    if b"memory_kib\x40" not in content:  # a mutation may ask for up to 256 MiB, which is allowed and slow
        return
    with contextlib.suppress(RebondError):
        read_member_file(with_sum(bytes(content[:cut])), FILE_PASSPHRASE)


# --- power cuts


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut_at", range(2))
def test_issuing_a_writer_that_is_cut_leaves_a_vault_that_works_and_may_be_repeated(cut_at: int, after: bool) -> None:
    made = own_a_vault()
    with pytest.raises(PowerCut):
        issue_writer(
            CuttingStore(made.store, cut_at=cut_at, after=after),
            *reopened(made),
            label="w",
            clock=made.clock,
            cost=CHEAP,
        )

    keyring, roster = reopened(made)
    assert {domain.id for domain in roster.domains} <= set(keyring.secrets.domain_secrets)
    if roster.members[-1].label == "w":  # the member is there and its file never was: revoke it
        revoke_member(made.store, keyring, roster, roster.members[-1].id, clock=made.clock)
    issued = a_writer(made, "w")
    assert open_credentials(made.store, secret_from_file(issued.content)).role is Role.WRITER


def test_the_secret_of_a_domain_is_in_the_vault_before_the_domain() -> None:
    made = own_a_vault()
    cutting = CuttingStore(made.store)
    issue_writer(cutting, *reopened(made), label="w", clock=made.clock, cost=CHEAP)

    assert cutting.writes == 4, "each with its copy"
    assert {"keyring/2", "roster/2"} <= set(contents(made.store))


@pytest.mark.parametrize("after", [False, True])
def test_revoking_that_is_cut_is_done_or_not_done(after: bool) -> None:
    made = own_a_vault()
    issued = a_keeper(made)
    with pytest.raises(PowerCut):
        revoke_member(
            CuttingStore(made.store, cut_at=0, after=after), *reopened(made), issued.member.id, clock=made.clock
        )

    roster = load_newest_roster(made.store, issued.credentials.owner_verify_key)
    assert (roster.member(issued.member.id).revoked_at_ms is not None) == after
    revoke_member(made.store, *reopened(made), issued.member.id, clock=made.clock)
    with pytest.raises(RoleTooSmall):
        open_credentials(made.store, secret_from_file(issued.content))
