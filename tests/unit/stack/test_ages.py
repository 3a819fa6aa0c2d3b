"""How much work would be lost: of what several classes save at every change, too."""

import pathlib
import socket
from collections.abc import Mapping

import pytest

from rebond.config.loading import load_configuration
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.stack.objectives.ages import age_of, find_ages, find_unchanged, find_waiting
from rebond.testing.manual_clock import ManualClock
from rebond.vault.snapshots import CatalogPart, ComponentSummary, SnapshotRecord

LATER_MS = 4_000_000_000_000  # after every file of today was touched
CONFIGURATION = """
version = 1
[stack]
name = "x"
[component.env]
kind = "secrets"
paths = [".env"]
[component.media]
kind = "files"
path = "media"
[class.env-first]
trigger = "change"
components = ["env"]
[class.all-again]
trigger = "change"
components = ["env", "media"]
"""

SCHEDULED = """
version = 1
[stack]
name = "x"
[component.media]
kind = "files"
path = "media"
[class.daily]
schedule = "30 3 * * *"
components = ["media"]
"""


def record_of(names: Mapping[str, bool], time_ms: int) -> SnapshotRecord:
    """Return a snapshot of this machine; each component is whole or is not."""
    components = [
        ComponentSummary(name=name, kind="files", domain=DomainId(bytes(8)), complete=names[name]) for name in names
    ]
    return SnapshotRecord(
        name=ObjectName("aaaa"),
        snapshot=SnapshotId(bytes(16)),
        session=SessionId(bytes(16)),
        member=MemberId(bytes(8)),
        domain=DomainId(bytes(8)),
        catalog=CatalogPart(sequence=1, time_ms=time_ms, host=socket.gethostname(), stack="x", components=components),
        private_segment=b"",
        content_hash=b"",
    )


def test_a_class_whose_components_a_later_one_names_again_keeps_them(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / "media").mkdir()
    (tmp_path / "rebond.toml").write_text(CONFIGURATION)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    clock, state = ManualClock(), tmp_path / "state"
    whole = record_of({"env": True, "media": True}, LATER_MS)

    assert find_unchanged(loaded, {}, state, clock) == frozenset(), "nothing was ever saved"
    assert find_unchanged(loaded, {"env": whole, "media": whole}, state, clock) == {"env", "media"}
    assert find_unchanged(loaded, {"env": whole}, state, clock) == {"env"}, "the first class has it, whole"
    assert find_waiting(loaded) == {"env": "all-again", "media": "all-again"}

    ages = find_ages(loaded, [record_of({"env": True, "media": False}, LATER_MS)], state, clock)
    assert ages == {"env": 0.0, "media": None}


def test_a_snapshot_that_is_dated_ahead_makes_nothing_new(tmp_path: pathlib.Path) -> None:
    """Else nobody would hear for years that backups have stopped."""
    (tmp_path / "media").mkdir()
    (tmp_path / "rebond.toml").write_text(SCHEDULED)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    clock, state = ManualClock(), tmp_path / "state"
    day_ms = 86_400_000
    old, ahead = (record_of({"media": True}, clock.now_ms() + days * day_ms) for days in (-3, 1500))

    assert find_ages(loaded, [old, ahead], state, clock) == {"media": 3 * 86_400.0}
    assert find_ages(loaded, [ahead], state, clock) == {"media": 1500 * 86_400.0}


@pytest.mark.parametrize(("seconds", "age"), [(-60, 60.0), (0, 0.0), (600, 0.0), (601, 601.0)])
def test_a_clock_that_is_a_little_behind_makes_nothing_old(seconds: int, age: float) -> None:
    now_ms = LATER_MS
    assert age_of(record_of({"media": True}, now_ms + seconds * 1000), now_ms) == age
