"""What a runbook and a checklist take from the ledger: the newest that can be believed, however much ran since."""

import pathlib
from typing import Any

import pytest

from rebond.config.loading import load_configuration
from rebond.history.ledger import Ledger
from rebond.history.recording import note_event
from rebond.runbook import gathering
from rebond.runbook.gathering import find_targets, gather_history
from rebond.testing.manual_clock import ManualClock

DAY_MS = 86_400_000
NOW_MS = ManualClock().now_ms()


SERVERS = """\
version = 1
[stack]
name = "shop"
[vault]
url = "vault"
passphrase = { env = "KEY" }
[component.db]
kind = "postgres"
database = "shop"
"""


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ('host = "/run/db"\nport = 5544\nuser = "app"', "postgresql://app@:5544/shop_restored?host=/run/db"),
        ('host = "/run/db"\nport = 5544', "postgresql://:5544/shop_restored?host=/run/db"),
        ('host = "/run/db"', "postgresql:///shop_restored?host=/run/db"),
        ('host = "db.internal"\nport = 5544\nuser = "app"', "postgresql://app@db.internal:5544/shop_restored"),
        (
            'url = "postgres://app@db.internal:5544/?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem"',
            "postgresql://app@db.internal:5544/shop_restored?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem",
        ),
        ('url = "postgres://db.internal?port=5544&user=app"', "postgresql://app@db.internal:5544/shop_restored"),
        (
            'url = "postgres:///?host=/run/db&port=5544&application_name=x"',
            "postgresql://:5544/shop_restored?host=/run/db&application_name=x",
        ),
        (
            'url = "postgres://db.internal/?sslkey=/k.pem&sslpassword=hidden"',
            "postgresql://db.internal/shop_restored?sslkey=/k.pem",
        ),
    ],
)
def test_a_database_is_loaded_beside_into_the_server_that_it_is_of(
    tmp_path: pathlib.Path, server: str, address: str
) -> None:
    (tmp_path / "rebond.toml").write_text(SERVERS + server)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    assert find_targets(loaded) == {"db": address}


def run(folder: pathlib.Path, name: str, *, age_days: float, class_: str = "daily", stack: str = "shop") -> None:
    """Write a backup into the ledger as if it had been made then."""
    ledger = Ledger(folder, host="h", clock=ManualClock(NOW_MS - round(age_days * DAY_MS)))
    told = {"run": name, "kind": "backup", "stack": stack, "class": class_, "host": "h"}
    ledger.append_all([("began", told), ("ended", {"run": name, "status": 0})])


def note(folder: pathlib.Path, kind: str, *, age_days: float, **facts: Any) -> None:
    clock = ManualClock(NOW_MS - round(age_days * DAY_MS))
    note_event(folder, kind, {"stack": "shop", "verdict": "pass", **facts}, clock=clock)


def test_whatever_ran_since_a_drill_a_runbook_and_a_rare_class_were_not_never(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "RUNS_READ", 3)
    note(tmp_path, "drilled", age_days=30, components=[{"name": "media", "bytes": 1, "phases": {"fetch": 5}}])
    note(tmp_path, "runbook", age_days=29)
    run(tmp_path, "yearly", age_days=28, class_="yearly")
    for number in range(9):
        run(tmp_path, f"r{number}", age_days=9 - number)
        run(tmp_path, f"o{number}", age_days=9 - number, stack="other")
    found = gather_history(Ledger(tmp_path), "shop", NOW_MS)
    measured, yearly = found.newest_measure_of("media"), found.newest_good("backup", "yearly")

    assert measured is not None
    assert measured.parts["media"].seconds == 5
    assert yearly is not None
    assert len(found.revisions) == 1
    assert [each.class_name for each in found.runs] == ["yearly", "daily", "daily", "daily"]


def test_a_run_that_is_dated_ahead_is_the_newest_of_none(tmp_path: pathlib.Path) -> None:
    run(tmp_path, "ahead", age_days=-400)
    note(tmp_path, "drilled", age_days=-400, snapshot="aaaa")
    run(tmp_path, "real", age_days=3)
    note(tmp_path, "drilled", age_days=3, snapshot="bbbb")
    found = gather_history(Ledger(tmp_path), "shop", NOW_MS)
    newest, drill = found.newest_good("backup"), found.newest_drill()

    assert newest is not None
    assert drill is not None
    assert newest.began_ms == NOW_MS - 3 * DAY_MS
    assert drill.snapshot == "bbbb"


@pytest.mark.parametrize("facts", [{"sample": True}, {"verdict": "fail"}])
def test_neither_a_sample_nor_a_drill_that_failed_says_how_long_it_takes(
    tmp_path: pathlib.Path, facts: dict[str, Any]
) -> None:
    parts = [{"name": "media", "bytes": 1, "phases": {"fetch": 1}}]
    note(tmp_path, "drilled", age_days=3, rto_seconds=60.0, components=parts)
    note(tmp_path, "drilled", age_days=2, rto_seconds=1.0, components=parts, **facts)
    found = gather_history(Ledger(tmp_path), "shop", NOW_MS)
    whole, media = found.newest_measure("lost-server"), found.newest_measure_of("media")

    assert whole is not None
    assert media is not None
    assert (whole.rto_seconds, media.began_ms) == (60.0, NOW_MS - 3 * DAY_MS)
    assert found.newest_measure("lost-service") is None


def test_of_a_lost_service_a_part_may_be_all_that_came_back_of_a_component(tmp_path: pathlib.Path) -> None:
    parts = [{"name": "media", "bytes": 1, "phases": {"fetch": 1}, "age_seconds": 7.0}]
    note(tmp_path, "drilled", age_days=3, rto_seconds=60.0, components=parts)
    note(tmp_path, "drilled", age_days=2, rto_seconds=1.0, components=parts, scenario="lost-service")
    note(tmp_path, "drilled", age_days=1, rto_seconds=1.0, components=parts, sample=True)
    found = gather_history(Ledger(tmp_path), "shop", NOW_MS)
    service, media = found.newest_measure("lost-service"), found.newest_measure_of("media")

    assert (service and service.rto_seconds, media and media.began_ms) == (1.0, NOW_MS - 3 * DAY_MS)
    assert [(each.is_sample, each.parts["media"].lost_seconds) for each in found.drills] == [
        (False, 7.0),
        (False, 7.0),
        (True, 7.0),
    ]


def test_what_a_newer_program_or_half_a_line_says_is_passed_over(tmp_path: pathlib.Path) -> None:
    note(tmp_path, "drilled", age_days=3, rto_seconds={"whole": 3}, components=[{"name": 4}, 5], scenario=["x"])
    note(tmp_path, "drilled", age_days=2, rto_seconds=float("nan"), rpo_seconds=float("inf"), components={"a": 1})
    run(tmp_path, "real", age_days=1)
    (newest_file,) = Ledger(tmp_path).files()
    with newest_file.open("ab") as file:
        file.write(b'{"n": 4, "previous": "')
    found = gather_history(Ledger(tmp_path), "shop", NOW_MS)

    assert [each.rto_seconds for each in found.drills] == [None, None]
    assert len(found.runs) == 1
