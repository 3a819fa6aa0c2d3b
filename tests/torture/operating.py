"""A random operator: whatever the command line offers, in any order, cut at any moment, beside itself, and damaged.

What each snapshot holds is written down here when it is made. After every command: its status is a documented one, it
did not stop at a fault of its own, what failed says what to do next, nothing changed that it was not asked to change,
and no temporary file or database is left. In the end every snapshot that is listed comes back as it was.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import time
from collections.abc import Sequence
from typing import Any

from tests.torture.operated_stack import PARTS, OperatedStack, State
from tests.torture.real_program import Ended, WarmProgram

from rebond.testing.postgres_server import PostgresServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRY = "from rebond.cli.entry import main; main()"
STATUSES = {
    int(each)
    for each in re.findall(r"^\| (\d+) \|", (ROOT / "docs/reference/exit-statuses.md").read_text(), re.MULTILINE)
}
GOOD = (0, 3)
_PLAN = re.compile(r"\(run ([0-9a-f]{16})\)")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Operator:
    """One stack, one vault, and what is expected of them."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer, seed: int) -> None:
        self.rng = random.Random(seed)
        folder.chmod(0o755)  # the throw-away server of a drill has another user
        self.stack = OperatedStack(folder, server, self.rng)
        self.folder, self.scratch = folder, folder / "tmp"
        self.scratch.mkdir()
        self.scratch.chmod(0o755)
        self.program = WarmProgram(folder, REBOND_CONFIG=str(folder / "rebond.toml"), TMPDIR=str(self.scratch))
        del self.program.environment["REBOND_VAULT"]
        self.listed: dict[str, dict[str, State]] = {}
        self.trash: dict[str, dict[str, State]] = {}
        self.kept: list[tuple[str, dict[str, State], dict[str, State]]] = []  # run, before, after
        self.course: list[str] = []
        self.commands = self.cut = 0
        self._run("vault", "create", folder / "vault", "--key-file", folder / "owner.key", "--kit", folder / "kit")

    def step(self) -> None:
        """Do something."""
        deeds = [name for name in dir(self) if name.startswith("do_")]
        name = self.rng.choice(deeds)
        self.course.append(name)
        getattr(self, name)()

    def do_change(self) -> None:
        """Work at the stack."""
        self.stack.change()

    def do_backup(self) -> None:
        """Save all, a class or some, after a look at it."""
        words = self._choose_backup()
        before = self.stack.see()
        foreseen = self._ask("backup", *words, "--dry-run")["components"]
        made = self._ask("backup", *words)
        self._require(before)
        self.listed[made["id"]] = {each["name"]: before[each["name"]] for each in made["components"]}
        files = [
            {each["name"]: each["files"] for each in components if each["name"] != "db"}
            for components in (foreseen, made["components"])
        ]
        assert files[0] == files[1], f"foreseen and saved: {files}"
        self._look()

    def do_cut_backup(self) -> None:
        """Save, and be interrupted; what is listed then is whole."""
        before = self.stack.see()
        self._shoot("backup", *self._choose_backup())
        self._require(before)
        for each in self._look(may_be_new=True):
            self.listed[each["id"]] = {part["name"]: before[part["name"]] for part in each["components"]}

    def do_backup_without(self) -> None:
        """Save while a part is away: nothing, or a partial snapshot."""
        away = self.stack.site / self.rng.choice(("code", "media", "shop.db"))
        allows = self.rng.choice((["--allow-partial"], []))
        away.rename(self.folder / "away")
        try:
            ended = self._run("backup", *allows, statuses=(3,) if allows else (30, 31, 32, 33))
        finally:
            (self.folder / "away").rename(away)
        if allows:
            assert ended.document["state"] == "partial"
            parts = [each["name"] for each in ended.document["components"] if each["complete"]]
            self.listed[ended.document["id"]] = {part: self.stack.see_part(part) for part in parts}
        self._look()

    def do_restore_beside(self) -> None:
        """Bring some back into a directory; sometimes cut, then gone on with."""
        if not (identity := self._choose()):
            return
        target, before = self.folder / "back", self.stack.see()
        words: list[str | pathlib.Path] = ["restore", identity, "--to", target]
        if self.rng.random() < 0.3:
            self._shoot(*words)
            words += ["--overwrite", "changed"]
        self._run(*words)
        self._require(before)
        self._compare(target, identity)
        shutil.rmtree(target)

    def do_restore_in_place(self) -> None:
        """Bring some back to where they were, after a look; sometimes cut, then ended in one of two ways."""
        if not (identity := self._choose()):
            return
        held = self.listed[identity]
        parts = self.rng.sample(sorted(held), self.rng.randint(1, len(held)))
        words = ["restore", identity, *parts, "--in-place"]
        before, databases = self.stack.see(), self.stack.databases()
        wanted = before | {part: held[part] for part in parts}
        self._run(*words, "--dry-run")
        self._require(before)
        if self.rng.random() < 0.6:
            document = self._ask(*words, "--yes")
            run = document["run"]
        else:
            ended = self._shoot(*words, "--yes")
            found = _PLAN.search(ended.err)
            if found is None:
                self._require(before)
                return
            run = found[1]
            if self.rng.random() < 0.5:
                self._run("restore", "--rollback", run, "--yes", statuses=(0, 6))  # it may have undone itself
                self._require(before)
                assert self.stack.databases() == databases, "a database is left of a restore that was undone"
                return
            resumed = self._run("restore", "--resume", run, "--yes", statuses=(0, 6))  # it may have ended
            if resumed.status and self.stack.see() == before:
                return
        self._require(wanted)
        self.kept.append((run, before, wanted))

    def do_roll_back(self) -> None:
        """Undo the last restore in place; it is refused when somebody wrote since."""
        if self.kept:
            run, before, after = self.kept[-1]
            live = self.stack.see()
            ended = self._run("restore", "--rollback", run, "--yes", statuses=(0, 6))
            self._require(before if ended.status == 0 else live)
            assert ended.status == 0 or live != after, f"nobody wrote, and it was refused: {ended.out}"
            if ended.status == 0:
                self.kept.pop()

    def do_accept(self) -> None:
        """Let the old versions of all restores in place go."""
        live = self.stack.see()
        while self.kept:
            self._run("restore", "--accept", self.kept.pop(0)[0], "--yes")
        self._require(live)

    def do_drill(self) -> None:
        """Prove a snapshot."""
        if identity := self._choose():
            live, databases = self.stack.see(), self.stack.databases()
            self._run("drill", identity, statuses=(0, 3, 4))
            self._require(live)
            assert self.stack.databases() == databases

    def do_forget(self) -> None:
        """Forget one or some by rule; the look at it says which."""
        names = [self._choose()] if self.rng.random() < 0.5 else ["--keep-last", "3"]
        if len(self.listed) > 2:
            foreseen = self._run("forget", *names, "--dry-run", "--yes", statuses=(0, 6))
            ended = self._run("forget", *names, "--yes", statuses=(foreseen.status,))
            gone = [] if ended.status else ended.document["forgotten"]
            assert ended.status or gone == foreseen.document["forgotten"]
            self.trash |= {identity: self.listed.pop(identity) for identity in gone}
            self._look()

    def do_undelete(self) -> None:
        """Take one back."""
        if self.trash:
            identity = self.rng.choice(sorted(self.trash))
            self._run("undelete", identity)
            self.listed[identity] = self.trash.pop(identity)
            self._look()

    def do_prune(self) -> None:
        """Free room; sometimes cut before."""
        if self.rng.random() < 0.4:
            self._shoot("prune")
        self._run("prune")
        left = {each["id"] for each in self._ask("snapshots", "--trash")}
        self.trash = {identity: held for identity, held in self.trash.items() if identity in left}
        self._look()

    def do_damage(self) -> None:
        """Spoil an object: it is found, or was nobody's; with the true one back all is well."""
        vault = self.folder / "vault"
        chosen = self.rng.choice(sorted(path for path in vault.rglob("*") if path.is_file()))
        content = chosen.read_bytes()
        spoilt = bytearray(content)
        if spoilt:
            spoilt[self.rng.randrange(len(spoilt))] ^= 1 << self.rng.randrange(8)
        chosen.write_bytes(spoilt)
        looked = self._run("verify", "--read-data", statuses=(*STATUSES,))
        is_content = chosen.relative_to(vault).parts[0] == "packs" and content
        assert looked.status or not is_content, f"nobody notices that {chosen.relative_to(vault)} is spoilt"
        self._run("verify", "--read-data", "--repair", statuses=(*STATUSES,))
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_bytes(content)
        self._run("verify", "--read-data", "--repair")
        self._run("verify", "--read-data")
        self._look()

    def do_two_at_once(self) -> None:
        """Two commands at once; one of them may be held for a while."""
        menu = (["backup"], ["prune"], ["drill"], ["verify", "--read-data"], ["status"], ["history", "--check"])
        chosen = [self.rng.choice(menu) for _ in range(2)]
        refused = (4,) if self.listed else (2, 4)  # a drill where some parts were never saved, or nothing
        before = self.stack.see()
        running = [self.program.start(*words, "--json", code=ENTRY) for words in chosen]
        with contextlib.suppress(ProcessLookupError):
            running[0].send(signal.SIGSTOP)
            time.sleep(self.rng.uniform(0, 0.5))
            running[0].send(signal.SIGCONT)
        for number, words in enumerate(chosen):
            may_fail = refused if words[0] == "drill" else ()
            self._judge(running[number].wait(), words, (0, 3, 11, *may_fail))
        self._require(before)
        for each in self._look(may_be_new=True):
            self.listed[each["id"]] = {part["name"]: before[part["name"]] for part in each["components"]}

    def do_take_vault_away(self) -> None:
        """Nothing works without it, nothing is harmed, and nobody makes another one in its place."""
        vault, before = self.folder / "vault", self.stack.see()
        vault.rename(self.folder / "elsewhere")
        for words in (["backup"], ["restore", "latest", "--in-place", "--yes"], ["prune"], ["doctor", "--fix"]):
            assert self._run(*words, statuses=(*STATUSES,)).status
            assert not vault.exists()
        (self.folder / "elsewhere").rename(vault)
        self._require(before)
        self._look()

    def do_lose_caches(self) -> None:
        """What is remembered is gone."""
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self._look()

    def judge(self) -> None:
        """Everything that is listed comes back, and the ledger is whole."""
        self._run("history", "--check")
        for identity in list(self.listed):
            self._run("restore", identity, "--to", self.folder / "back")
            self._compare(self.folder / "back", identity)
            shutil.rmtree(self.folder / "back")

    def _choose(self) -> str:
        return self.rng.choice(sorted(self.listed)) if self.listed else ""

    def _choose_backup(self) -> list[str]:
        return self.rng.choice(
            ([], ["--class", "daily"], ["--class", "quick"], self.rng.sample(PARTS, 2), ["--reread", "--tag", "t"])
        )

    def _look(self, *, may_be_new: bool = False) -> list[dict[str, Any]]:
        """The list holds what it has to; return what is new."""
        listed = {each["id"]: each for each in self._ask("snapshots")}
        lost, new = self.listed.keys() - listed.keys(), listed.keys() - self.listed.keys()
        assert not lost, f"no longer listed: {lost}"
        assert may_be_new or not new, f"nobody made {new}"
        assert not new & self.trash.keys(), f"back from the trash: {new}"
        return [listed[each] for each in sorted(new)]

    def _compare(self, target: pathlib.Path, identity: str) -> None:
        for part, held in self.listed[identity].items():
            if part != "db":
                found = self.stack.see_part(part, target / part)
                assert found == held, f"{part} of {identity}: {_differences(held, found)}"

    def _require(self, wanted: dict[str, State]) -> None:
        for part, found in self.stack.see().items():
            assert found == wanted[part], f"{part} is another one: {_differences(wanted[part], found)}"

    def _ask(self, *words: str | pathlib.Path) -> Any:
        return self._run(*words, statuses=GOOD).document

    def _run(self, *words: str | pathlib.Path, statuses: Sequence[int] = (0,)) -> Ended:
        ended = self._judge(self.program.run(*words, "--json"), words, statuses)
        assert os.listdir(self.scratch) == [], f"{words} left {os.listdir(self.scratch)}"
        return ended

    def _shoot(self, *words: str | pathlib.Path) -> Ended:
        number = self.rng.choice(_SIGNALS)
        running = self.program.start(*words, "--json", code=ENTRY)
        time.sleep(self.rng.uniform(0, 1.5))
        with contextlib.suppress(ProcessLookupError):
            running.send(number)
        ended = running.wait()
        self.cut += 1
        has_begun = ended.out or ended.status != 130  # the entry ends quietly where nothing was begun
        if (
            ended.status >= 0 and has_begun and "Fatal Python error" not in ended.err
        ):  # which Python says of its own start
            self._judge(ended, words, (0, 3, 130))
        for left in self.scratch.iterdir():  # of one that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        return ended

    def _judge(self, ended: Ended, words: Sequence[str | pathlib.Path], statuses: Sequence[int]) -> Ended:
        self.commands += 1
        reports = [each.read_text()[-2000:] for each in sorted((self.folder / "state" / "faults").glob("fault-*"))]
        told = "\n".join([f"rebond {' '.join(map(str, words))}: {ended.status}", ended.err, ended.out, *reports])
        assert ended.status in STATUSES, told
        assert '"fault"' not in ended.out, told
        assert ended.status in statuses, told
        try:
            document = json.loads(ended.out)
        except json.JSONDecodeError:
            raise AssertionError(f"no JSON: {told}") from None
        if isinstance(document, dict) and (error := document.get("error")) and "exit" in error:
            assert error["exit"] == ended.status, told
            assert error["message"], told
            assert error["hint"], told
        return ended


def _differences(wanted: State, found: State) -> Sequence[object]:
    paths = sorted(wanted.keys() | found.keys())
    return [(path, wanted.get(path), found.get(path)) for path in paths if wanted.get(path) != found.get(path)][:4]


def operate_for(seconds: float, chance: random.Random) -> str:
    """Operate stacks one after the other; return the figures. Raises ``AssertionError`` with the course of deeds."""
    from tests.torture.rounds import scratch

    until = time.monotonic() + seconds
    stacks = commands = cut = 0
    while not stacks or time.monotonic() < until:
        seed = chance.randrange(1 << 30)
        with scratch() as folder, PostgresServer() as server:
            operator = Operator(folder, server, seed)
            try:
                for _ in range(40):
                    operator.step()
                    if time.monotonic() > until:
                        break
                operator.judge()
            except Exception as error:
                error.add_note(f"stack {seed}, after {' '.join(operator.course)}")
                raise
            stacks, commands, cut = stacks + 1, commands + operator.commands, cut + operator.cut
    return f"{stacks} stacks, {commands} commands, {cut} of them cut"
