"""The server is lost: what is left is the vault's address and the kit's paper. Nothing else of it can be reached."""

import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.drilled_stack import CHECK, DrilledStack

import rebond

pytestmark = [pytest.mark.judge("root"), pytest.mark.judge("own-network")]
SOURCE = pathlib.Path(rebond.__file__).resolve().parents[1]
# An empty file system lies over all of the old machine's folder; there is no network, and no variable but these.
BARE = """\
set -e
mount -t tmpfs none "$1"
test -z "$(ls -A "$1")"
shift
exec env -i PATH="$PATH" HOME="$1" LANG=C.UTF-8 PYTHONPATH="$2" REBOND_PASSPHRASE="$3" "$4" -m rebond.cli "${@:5}"
"""


class LostServer:
    """A stack that was saved; then its vault was carried elsewhere, and one page of its kit."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.old, self.home, self.vault = folder / "old", folder / "new-home", folder / "kept" / "vault"
        self.old.mkdir()
        self.home.mkdir()
        self.vault.parent.mkdir()
        stack = self.stack = DrilledStack(self.old)
        stack.configure(CHECK.replace("NAME", "secrets").replace("QUESTION", 'run = "scripts/known.sh"'))
        stack.program.good("backup")
        self.files = contents(stack.root)
        (self.old / "vault").rename(self.vault)
        kit = (self.old / "kit.txt").read_text()
        found = re.search(r"\*\*Recovery key\*\*.*?\n\n((?: {4}\S+\n)+)", kit, re.DOTALL)
        assert found is not None
        self.paper = "".join(found[1].split())

    def bare(self, *arguments: str) -> tuple[int, Any, str]:
        """Run the program on the bare machine; return its status, its answer, and what it said."""
        script = ["bash", "-c", BARE, "bare", self.old, self.home, SOURCE, self.paper, sys.executable]
        words = ["unshare", "--mount", "--net", *map(str, script), *arguments, "--json"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd="/")
        return done.returncode, json.loads(done.stdout or "null"), done.stderr


def contents(root: pathlib.Path) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture
def lost(tmp_path: pathlib.Path) -> Iterator[LostServer]:
    made = LostServer(tmp_path)
    yield made
    assert made.stack.left() == []
    made.stack.close()


def test_the_drill_of_it_needs_the_address_and_the_paper_alone(lost: LostServer) -> None:
    status, document, said = lost.bare("drill", "--scenario", "lost-server", "--vault", str(lost.vault))
    assert (status, document and document["verdict"]) == (0, "pass"), (document, said)
    answers = {f"{each['subject']} {each['code']}": each["answer"] for each in document["checks"]}
    assert (answers["vault kit"], answers["secrets own-check"]) == ("pass", "pass")


def test_the_stack_comes_back_to_the_byte_by_the_address_and_the_paper_alone(lost: LostServer) -> None:
    back = lost.home / "back"
    status, document, said = lost.bare("recover", str(lost.vault), "--to", str(back), "--yes")
    assert status == 0, (document, said)
    found = contents(back)
    assert {name: found.get(name) for name in lost.files if name != "app.sqlite"} == {
        name: content for name, content in lost.files.items() if name != "app.sqlite"
    }
    assert os.listdir(lost.old)  # it was hidden in there only
