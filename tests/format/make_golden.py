"""Makes the golden vault: ``python -m tests.format.make_golden``, as root, once for each version of the format.

What it made is checked in beside it and never made again: later code must read the bytes of then.
"""

import io
import json
import os
import random
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.format.golden_trees import change_odd_tree, make_many, make_odd_tree, make_rows, make_special
from tests.format.manifests import tell_tree

from rebond.clock import SystemClock
from rebond.entries import Content
from rebond.findings import Finding
from rebond.identifiers import MemberId, ObjectName, random_id
from rebond.progress import Silence
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.store.local import LocalStore
from rebond.store.proving import prove_store
from rebond.vault import committing
from rebond.vault.access import Vault
from rebond.vault.committing import CommitRequest
from rebond.vault.creation import create_vault
from rebond.vault.credentials import Credentials
from rebond.vault.frames import LEVELS
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.members import issue_keeper, issue_writer
from rebond.vault.papers import VaultPapers
from rebond.vault.references import EMBED_LIMIT
from rebond.vault.roster import Roster
from rebond.vault.slots import Argon2Cost, passphrase_secret
from rebond.vault.snapshots import build_void, snapshot_name
from rebond.vault.writing import SavedComponent, SnapshotSession

HERE = Path(__file__).parent / "golden"
PASSPHRASE = "une clé dorée, très longue"
KEY_FILE = bytes(range(64, 96))
RECOVERY = bytes(range(32))
CHEAP = Argon2Cost(memory_kib=256, passes=1, lanes=1)
PAPERS = VaultPapers(contents={"README.txt": b"A golden vault.\n", "VAULT-FORMAT.md": b"# The vault format\n"})


class EveryFew:
    """Cuts everything into pieces of 14 bytes."""

    def cut(self, content: Content) -> Iterator[bytes]:
        while piece := content.read(14):
            yield piece

    def cut_bytes(self, content: bytes) -> Iterator[bytes]:
        for start in range(0, len(content), 14):
            yield content[start : start + 14]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        store = LocalStore.create(base / "vault")
        facts = fill(store, base)
        facts["vault"] = "v1.tar"
        with tarfile.open(HERE / "v1.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted((base / "vault").rglob("*")):
                if path.is_file():
                    member = tar.gettarinfo(path, path.relative_to(base / "vault").as_posix())
                    member.uid = member.gid = 0
                    member.uname = member.gname = ""
                    member.mode = 0o600
                    tar.addfile(member, io.BytesIO(path.read_bytes()))
        (HERE / "v1.json").write_text(
            json.dumps(facts, separators=(",", ":"), ensure_ascii=True) + "\n", encoding="ascii"
        )


def fill(store: LocalStore, base: Path) -> dict[str, Any]:
    """Make the vault and its snapshots; return its secrets and what is to come out of it."""
    clock = SystemClock()
    created = create_vault(
        store,
        clock=clock,
        proof=prove_store(store, clock, large_bytes=1 << 20),
        passphrase=passphrase_secret(PASSPHRASE),
        key_file=KEY_FILE,
        recovery_key=RECOVERY,
        cost=CHEAP,
        papers=PAPERS,
    )
    writer = issue_writer(store, created.keyring, created.roster, label="shop", clock=clock)
    keeper = issue_keeper(store, writer.keyring, writer.roster, label="cleaner", clock=clock)

    def open_as(credentials: Credentials, roster: Roster) -> Vault:
        return Vault(store=store, credentials=credentials, roster=roster, caches=base / "caches", report=complain)

    owner = open_as(created.credentials, keeper.roster)
    snapshots = {}
    odd, many, rows = base / "odd", base / "many", base / "rows"
    make_odd_tree(odd)
    make_many(many)
    make_rows(rows)
    snapshots["first"] = save(
        owner, {"odd": odd, "many": many, "rows": rows}, "balanced", tiny="rows", time_ms=1_700_000_000_000
    )
    change_odd_tree(odd)
    vars(committing)["EMBED_LIMIT"] = 0  # references as an object of their own
    snapshots["second"] = save(owner, {"odd": odd, "many": many}, "dense", time_ms=1_700_000_100_000)
    vars(committing)["EMBED_LIMIT"] = EMBED_LIMIT
    special = base / "special"
    make_special(special)
    snapshots["special"] = save(owner, {"special": special}, "fast", time_ms=1_700_000_200_000, with_owners=True)
    snapshots["writer"] = save(
        open_as(writer.credentials, keeper.roster), {"odd": odd}, "small", time_ms=1_700_000_300_000
    )
    add_clutter(store, keeper.credentials, created.credentials.member)
    return {
        "passphrase": PASSPHRASE,
        "recovery_key": created.recovery_key,
        "key_file": KEY_FILE.hex(),
        "writer_file": writer.content.hex(),
        "keeper_file": keeper.content.hex(),
        "snapshots": snapshots,
    }


def save(
    vault: Vault, trees: dict[str, Path], level: str, *, time_ms: int, tiny: str = "", with_owners: bool = False
) -> dict[str, Any]:
    """Make one snapshot; return what it must give back."""
    session = SnapshotSession(vault, level=LEVELS[level], host="golden", stack="stack", observer=Silence())
    session_random = random.Random(2)
    with session:
        saved: list[SavedComponent] = []
        session._content._random = session_random  # type: ignore[assignment]  # the same cut of segments each time
        for name, root in trees.items():
            chunker = session._chunker
            if name == tiny:
                session._chunker = EveryFew()  # type: ignore[assignment]
            tree = FileTree(os.fsencode(root), Rules(), one_file_system=False, report=complain)
            saved.append(session.save_tree(name, "files", b"/golden/" + name.encode(), tree))
            session._chunker = chunker
        request = CommitRequest(time_ms=time_ms, class_="daily", tags=("gold", "old"), note="kept for ever")
        record = session.commit(request, saved)
    told = {name: tell_tree(os.fsencode(root), with_owners=with_owners) for name, root in trees.items()}
    return {"id": record.snapshot.hex(), "time_ms": time_ms, "components": told}


def add_clutter(store: LocalStore, keeper: Credentials, owner: MemberId) -> None:
    """Put what readers must pass over: a void, a mark, a name that nobody knows."""
    name = snapshot_name(owner, random_id(), random_id())  # type: ignore[arg-type]
    void = build_void(
        vault_id=keeper.vault_id, run=random_id(), keeper=keeper.member, name=name, signing_key=keeper.signing_key
    )
    store.put_if_absent(name, void)
    put_mark(store, keeper, MarkBody(purpose="damage", time_ms=1, names=["packs/00/" + "00" * 32], reason="an example"))
    store.put_if_absent(ObjectName("unknown/object"), b"of a later version")


def complain(finding: Finding) -> None:
    raise AssertionError(finding.message)


if __name__ == "__main__":
    main()
