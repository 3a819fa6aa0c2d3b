import os
import pathlib

import pytest

from rebond.entries import Tree
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.testing.odd_trees import ROOT_CELLS, build_odd_tree, remove_odd_tree
from rebond.testing.tree_contract import TreeContract

SMALL_CELLS = [
    "hard-links",
    "modes",
    "names-that-are-no-utf8",
    "names-that-mean-something",
    "pipes-and-sockets",
    "symbolic-links",
    "times",
]


@pytest.fixture(scope="module")
def odd_root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    assert not ROOT_CELLS & set(SMALL_CELLS)
    root: pathlib.Path = tmp_path_factory.mktemp("contract") / "tree"
    build_odd_tree(os.fsencode(root), SMALL_CELLS)
    with open(root / "sparse", "wb") as file:
        file.truncate(100_000)
        file.seek(50_000)
        file.write(b"data")
    return root


def tree_at(root: pathlib.Path) -> Tree:
    return FileTree(
        os.fsencode(root), Rules(), one_file_system=False, report=lambda finding: pytest.fail(finding.message)
    )


class TestFileTree(TreeContract):
    @pytest.fixture
    def tree(self, odd_root: pathlib.Path) -> Tree:
        return tree_at(odd_root)


class TestFileTreeOfOneFile(TreeContract):
    @pytest.fixture
    def tree(self, tmp_path: pathlib.Path) -> Tree:
        (tmp_path / "dump.sql").write_bytes(b"select 1;\n" * 1000)
        return tree_at(tmp_path / "dump.sql")

    def test_no_descriptor_is_left_open(self, tree: Tree) -> None:
        before = set(os.listdir("/proc/self/fd"))
        for listing in tree.listings():
            listing.describe(0)
        walk = iter(tree.listings())
        next(walk).describe(0)
        del walk, listing

        assert set(os.listdir("/proc/self/fd")) == before


def test_the_odd_tree_can_be_removed(tmp_path: pathlib.Path) -> None:
    root = os.fsencode(tmp_path / "tree")
    build_odd_tree(root, ["modes", "symbolic-links"])
    remove_odd_tree(root)

    assert list(tmp_path.iterdir()) == []
