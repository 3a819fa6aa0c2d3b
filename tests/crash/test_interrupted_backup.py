"""A backup that is killed leaves little to do again: what was stored is found, what was read is remembered.

Some five segments of 4 MiB are in flight, in the worst moment: a quarter of the tree here, and less
than a twentieth of one of 500 MB. ``python -m tests.torture interrupted`` holds a larger tree to that.
"""

import pathlib

import pytest
from tests.torture.interrupting import interrupt
from tests.torture.real_program import RealProgram, fingerprint, plant_tree

TREE_BYTES = 80_000_000


@pytest.mark.slow
def test_a_backup_killed_at_80_percent_reads_a_quarter_again_at_most_and_stores_next_to_nothing_again(
    tmp_path: pathlib.Path,
) -> None:
    tree = tmp_path / "tree"
    total_bytes = plant_tree(tree, seed=1, total_bytes=TREE_BYTES, file_bytes=60_000)
    program = RealProgram.with_vault(tmp_path)

    second = interrupt(program, tree, total_bytes, at_share=0.8)

    assert second.read_share <= 0.20 + 0.25
    assert second.stored_again_share <= 0.05
    program.good("restore", "latest", "--to", tmp_path / "back")
    assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tree)


@pytest.mark.slow
def test_a_single_directory_with_everything_in_it_is_gone_on_with_too(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    total_bytes = plant_tree(tree / "all", seed=3, total_bytes=TREE_BYTES, file_bytes=200_000)
    for number, path in enumerate(sorted(path for path in tree.rglob("*") if path.is_file())):
        path.rename(tree / f"{number:06}")
    program = RealProgram.with_vault(tmp_path)

    second = interrupt(program, tree, total_bytes, at_share=0.8)

    assert second.read_share <= 0.20 + 0.25
    assert second.stored_again_share <= 0.05
