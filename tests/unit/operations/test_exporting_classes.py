"""Names of exports: each file has its own, and only files of just such names are taken away."""

import datetime
import pathlib
from typing import Any

from rebond.operations.export_requests import ExportRequest, Format
from rebond.operations.exporting_classes import name_export, remove_old_exports

AT_MS = 1_770_174_000_000  # 2026-02-04 03:00:00
ZONE = datetime.UTC


def request(form: Format = Format.SQL_GZ, since: Any = None) -> ExportRequest:
    return ExportRequest(component="shop", format=form, since=since)


def test_no_two_databases_share_a_name() -> None:
    databases = ["a b", "a-b", "\u00e9", "\u00e8", "plain"]
    names = [name_export(AT_MS, request(), each, databases, ZONE) for each in databases]
    assert len(set(names)) == len(databases)
    assert names[-1] == "db_backup_plain_20260204_030000.sql.gz"


def test_a_file_that_holds_only_changes_does_not_pass_for_a_whole_one(monkeypatch: Any) -> None:
    class Catalog:
        time_ms = AT_MS - 86_400_000

    class Record:
        catalog = Catalog

    whole = name_export(AT_MS, request(Format.ZIP), "", [""], ZONE)
    changes = name_export(AT_MS, request(Format.ZIP, Record), "", [""], ZONE)
    assert whole == "shop_20260204_030000.zip"
    assert changes == "shop_20260204_030000_since_20260203_030000.zip"


def test_digits_that_are_no_moment_are_somebody_elses(tmp_path: pathlib.Path) -> None:
    odd = tmp_path / "db_backup_20261399_256199.sql.gz"
    old = tmp_path / "db_backup_20200101_000000.sql.gz"
    for each in (odd, old):
        each.touch()
    until = datetime.datetime(2026, 1, 1, tzinfo=ZONE)
    assert remove_old_exports(str(tmp_path), request(), [""], until=until) == [str(old)]
    assert list(tmp_path.iterdir()) == [odd]
