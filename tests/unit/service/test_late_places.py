"""A vault that is made after the service began: its unit may not write there, until it is started again."""

import dataclasses
import os
import pathlib
from typing import Any

import pytest
from tests.unit.service.test_looks import Served

from rebond.errors import AccessDenied
from rebond.service.late_places import LatePlaces

UNIT = {"NOTIFY_SOCKET": "/run/systemd/notify"}


def make_read_only(monkeypatch: pytest.MonkeyPatch, *shut: pathlib.Path) -> None:
    """As systemd does with all that a unit does not name, or that was not there when it began."""
    look = os.statvfs

    def statvfs(path: Any) -> Any:
        found = look(path)
        flags = found.f_flag | os.ST_RDONLY if path in shut else found.f_flag & ~os.ST_RDONLY
        return os.statvfs_result((*found[:8], flags, found[9]))

    monkeypatch.setattr(os, "statvfs", statvfs)


def test_what_was_made_since_and_is_shut_is_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late, early = tmp_path / "late", tmp_path / "early"
    early.mkdir()
    make_read_only(monkeypatch, late, early)
    places = LatePlaces(UNIT)
    places.want([late, early])
    assert places.find_shut() is None
    late.mkdir()
    places.want([late, early])
    assert places.find_shut() == late

    again = LatePlaces(UNIT)  # after one new start a disk that is read-only for all is for the runs to tell
    again.want([late, early])
    assert again.find_shut() is None
    by_hand = LatePlaces({})
    by_hand.want([tmp_path / "other"])
    (tmp_path / "other").mkdir()
    make_read_only(monkeypatch, tmp_path / "other")
    assert by_hand.find_shut() is None  # nobody would start it again


def test_what_was_made_since_and_is_open_is_no_reason(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_read_only(monkeypatch)
    places = LatePlaces(UNIT)
    places.want([tmp_path / "late"])
    (tmp_path / "late").mkdir()
    assert places.find_shut() is None


def test_the_service_ends_with_an_error_when_nothing_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = tmp_path / "vault"
    make_read_only(monkeypatch, vault)
    served = Served(tmp_path, "true")
    settings = dataclasses.replace(
        served.service._settings,
        environment={**os.environ, **UNIT},
        list_vaults=lambda _: [vault],
        look_every_seconds=0.01,
    )
    service = type(served.service)(settings, served.service._configurations)
    with pytest.raises(AccessDenied, match="after this service began"):
        service.run(open_doors=lambda: None, notice_ready=vault.mkdir)
