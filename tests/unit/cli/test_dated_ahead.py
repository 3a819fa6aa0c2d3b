"""Snapshots that are dated ahead of this machine's clock: said where one is chosen, and never called new."""

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from rebond.cli.drills.drilling import DrillWish, find_ages_of
from rebond.cli.drills.sources import Sources
from rebond.cli.in_place.guided import SHOWN, choose_shown, describe_moment
from rebond.cli.invocation import Invocation
from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.stack.drills.planning import Source
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.vaults import make_vault, open_made
from rebond.vault.snapshots import CatalogPart, ComponentSummary, SnapshotRecord

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def record_at(time_ms: int) -> SnapshotRecord:
    component = ComponentSummary(name="media", kind="files", domain=DomainId(bytes(8)))
    return SnapshotRecord(
        name=ObjectName("aaaa"),
        snapshot=SnapshotId(b"\xab" * 16),
        session=SessionId(bytes(16)),
        member=MemberId(bytes(8)),
        domain=DomainId(bytes(8)),
        catalog=CatalogPart(sequence=1, time_ms=time_ms, host=socket.gethostname(), stack="x", components=[component]),
        private_segment=b"",
        content_hash=b"",
    )


def days_of(records: Sequence[SnapshotRecord]) -> list[int]:
    return [(each.catalog.time_ms - NOW_MS) // DAY_MS for each in records]


def test_what_is_dated_ahead_is_proposed_last_and_hides_nothing() -> None:
    days = [*range(-30, 0), *range(100, 120)]

    shown = days_of(choose_shown([record_at(NOW_MS + each * DAY_MS) for each in days], NOW_MS))

    assert shown == [*range(-1, -1 - SHOWN, -1), *range(119, 119 - SHOWN, -1)]


def test_a_list_says_how_old_a_snapshot_is_or_how_far_ahead() -> None:
    assert describe_moment(record_at(NOW_MS - 3 * DAY_MS), NOW_MS).endswith(", 3 d ago, snapshot abababab")
    assert describe_moment(record_at(NOW_MS + 1000), NOW_MS).endswith(", 0.0 s ago, snapshot abababab")
    assert describe_moment(record_at(NOW_MS + 3 * DAY_MS), NOW_MS).endswith(
        ", dated 3 d ahead of this machine's clock, snapshot abababab"
    )


@pytest.mark.parametrize("scenario", ["", "lost-server"])
def test_a_drill_of_what_is_dated_ahead_does_not_promise_that_nothing_is_lost(tmp_path: Path, scenario: str) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "rebond.toml").write_text(
        'version = 1\n[stack]\nname = "x"\n[component.media]\nkind = "files"\npath = "media"\n'
    )
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded if scenario else None
    clock = ManualClock()
    store = MemoryStore(clock)
    vault = open_made(make_vault(store, clock), store, clock, tmp_path / "caches")
    record = record_at(SystemClock().now_ms() + 1500 * DAY_MS)
    sources = Sources(found=(Source(vault=vault, record=record, components=("media",)),), records=(record,))
    invocation = Invocation(environment={"REBOND_STATE_DIR": str(tmp_path / "state")})

    ages = find_ages_of(invocation, vault, loaded, sources, DrillWish(scenario=scenario))

    assert ages["media"] > 1499 * DAY_MS / 1000
