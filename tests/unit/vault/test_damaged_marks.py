"""Marks and claims that cannot be read any more: nothing is deleted by them, and somebody is told."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.vault.kept_vault import KeptVault

from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName, random_id
from rebond.operations.snapshots import list_snapshots
from rebond.testing.damage import flip_byte
from rebond.vault.access import Vault
from rebond.vault.forgetting import survey
from rebond.vault.marks import ClaimBody, claim_mark, claim_name
from rebond.vault.protocol_rules import ClaimPurpose


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    kept = KeptVault(tmp_path)
    for name in ("one", "two", "three"):
        kept.write(name)
        kept.save()
    return kept


def listening(kept: KeptVault) -> tuple[Vault, list[Finding]]:
    heard: list[Finding] = []
    return replace(kept.vault, report=heard.append), heard


def test_what_was_taken_back_by_a_claim_that_rotted_is_not_deleted(kept: KeptVault) -> None:
    """An undelete died between its claim and its end; a day later a byte of the claim flips."""
    taken_back = kept.listed()[0]
    kept.forget(taken_back)
    (mark,) = [ObjectName(name) for name in kept.names("trash/")]
    body = ClaimBody(
        run=random_id(),
        time_ms=kept.clock.now_ms(),
        purpose=ClaimPurpose.WITHDRAW.value,
        spares=[str(taken_back.name)],
    )
    assert claim_mark(kept.store, kept.vault.credentials, mark, body)
    assert taken_back.name in {record.name for record in kept.listed()}
    flip_byte(kept.store, claim_name(mark), -50)
    kept.clock.advance(86_400)

    for _ in range(2):
        vault, heard = listening(kept)
        kept.prune(vault)
        assert [(each.subject, each.severity) for each in heard] == [(claim_name(mark), Severity.DAMAGE)]
        kept.clock.advance(86_400)

    assert taken_back.name in kept.names("snapshots/")
    for name in (mark, claim_name(mark)):  # as it is told
        kept.store.delete(name)
    assert len(kept.listed()) == 3
    kept.check_whole()


def test_a_mark_that_rotted_is_told_where_its_snapshots_are_listed_again(kept: KeptVault) -> None:
    kept.forget(kept.listed()[0])
    (mark,) = kept.names("trash/")
    flip_byte(kept.store, mark, -50)

    for look in (list_snapshots, survey):
        vault, heard = listening(kept)
        look(vault)
        assert [(each.subject, each.severity) for each in heard] == [(mark, Severity.DAMAGE)]
