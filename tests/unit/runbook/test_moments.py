"""What a page says of a database with a log: no line that its log or its plan would refuse."""

import pathlib

from tests.unit.runbook.page_of import WRITTEN_MS, facts_of, load, markdown_of

from rebond.runbook.facts import Reachable, Saved, SnapshotFacts, VaultFacts

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "UTC"
[vault]
url = "vault"
[component.media]
kind = "files"
path = "media"
[component.db]
kind = "postgres"
method = "physical"
wal = "archive-command"
window = "7d"
database = "shop"
"""
SNAPSHOT = SnapshotFacts(
    id="feed1234",
    time_ms=WRITTEN_MS,
    class_name="daily",
    is_whole=True,
    components=(
        Saved(name="media", kind="files", files=1, bytes=1),
        Saved(name="db", kind="postgres", files=1, bytes=1),
    ),
)
TARGETS = {"db": "postgresql://postgres@/shop_restored?host=/run/db"}


def write_page(folder: pathlib.Path, *reachable: Reachable, more: str = "") -> str:
    (folder / "rebond.toml").write_text(CONFIGURATION + more)
    vault = VaultFacts(role="owner", snapshots=(SNAPSHOT,), reachable=reachable)
    return markdown_of(facts_of(load(folder / "rebond.toml"), vault=vault, targets=TARGETS))


def reach(until_ms: int | None) -> Reachable:
    return Reachable(component="db", since_ms=WRITTEN_MS + 100, until_ms=until_ms)


def test_a_moment_behind_the_end_of_the_log_is_asked_of_the_others_only(tmp_path: pathlib.Path) -> None:
    page = write_page(tmp_path, reach(WRITTEN_MS + 5_300))

    assert "rebond restore --at '2026-02-02 02:41:00 +00:00' media --to \"$TO\" --dry-run\n" in page
    assert 'rebond restore --at latest db --to "$TO"\n' in page
    assert "rebond restore --at '2026-02-02 02:40:05 +00:00' db --to \"$TO\"\n" in page
    assert "| `db` | 2026-02-02 02:40:00 +00:00 | 2026-02-02 02:40:05 +00:00 |" in page


def test_where_no_second_lies_in_the_window_none_is_typed(tmp_path: pathlib.Path) -> None:
    for page in (write_page(tmp_path, reach(WRITTEN_MS + 900)), write_page(tmp_path, reach(None))):
        assert "rebond restore --at latest db" in page
        assert "For instance: `rebond restore --at '2026-02-04 14:32:07' db" in page
    page = write_page(tmp_path)  # nothing of its log is there
    assert "rebond restore --at latest db" not in page
    assert "nothing of the log of `db` can be replayed" in page


def test_the_plan_takes_a_data_directory_only_where_it_is_known_to_lie(tmp_path: pathlib.Path) -> None:
    unknown = write_page(tmp_path)
    known = write_page(tmp_path, more='data_directory = "/var/lib/db"\n')

    assert "rebond restore latest db --in-place" not in unknown
    assert "rebond restore latest db --in-place --dry-run" in known
    assert "psql 'postgresql://postgres@/postgres?host=/run/db' -c 'ALTER SYSTEM RESET archive_mode'\n" in known
    assert "rebond wal adopt --component db --data /var/lib/db --yes\n" in known
    assert "--rename shop=shop_restored" in known


def test_a_database_without_a_log_has_no_line_about_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rebond.toml").write_text(CONFIGURATION.replace('wal = "archive-command"\nwindow = "7d"\n', ""))
    page = markdown_of(facts_of(load(tmp_path / "rebond.toml")))

    assert "rebond wal" not in page
    assert "Between two snapshots there is nothing" in page
