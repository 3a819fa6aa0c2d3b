"""Where configured databases lie in their tree."""

import os
import pathlib
import sqlite3

import pytest

from rebond.config.components import Sqlite
from rebond.errors import SourceUnfit
from rebond.stack.databases import ConfiguredDatabases


def make_databases(*paths: pathlib.Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE rows (text TEXT)")
        connection.commit()
        connection.close()


def names_in(component: Sqlite, root: pathlib.Path) -> list[str]:
    """Return the paths in the tree of a component."""
    tree = ConfiguredDatabases("it", component, stack_root=root).open_tree(lambda finding: pytest.fail(finding.message))
    return [os.fsdecode(os.path.join(listing.path, name)) for listing in tree.listings() for name in listing.names]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/one.db"], ["one.db"]),
        (["ELSE/far.db"], ["far.db"]),
        (["a/one.db", "a/two.db"], ["a/one.db", "a/two.db"]),
        (["**/*.db"], ["a/one.db", "a/two.db", "b/c/one.db"]),
        (["a/*.db", "ELSE/*.db"], ["else/far.db", "root/a/one.db", "root/a/two.db"]),
        (["a/*.db*", "a/one.db"], ["a/one.db", "a/two.db"]),
    ],
)
def test_one_lies_at_the_top_and_several_as_they_do_on_the_machine(
    tmp_path: pathlib.Path, paths: list[str], names: list[str]
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "else"
    make_databases(root / "a/one.db", root / "a/two.db", root / "b/c/one.db", elsewhere / "far.db")
    (root / "a/one.db-journal").touch()
    wanted = tuple(each.replace("ELSE", str(elsewhere)) for each in paths)
    component = Sqlite(kind="sqlite", path=wanted[0]) if len(wanted) == 1 else Sqlite(kind="sqlite", paths=wanted)

    assert names_in(component, root) == names


def test_a_path_that_fits_no_database_is_told(tmp_path: pathlib.Path) -> None:
    make_databases(tmp_path / "a.db")
    (tmp_path / "b.sqlite-wal").touch()
    for path in ("*.sqlite", "*.sqlite*"):
        with pytest.raises(SourceUnfit, match="No database of the component it fits"):
            names_in(Sqlite(kind="sqlite", paths=("a.db", path)), tmp_path)
