"""A random walk of a log that is received: what the server has, where the slot is, what the spool and the vault have.

Each walk has a real server, one vault, and a receiver that is a process of its own. Events come in any order: the
receiver, its program or the server die, the spool or parts of it are deleted, the vault goes away, the server removes
what nobody holds, a standby takes over, the old server comes back by pg_rewind, the slot is dropped or another one is
used, a server archives beside it, the disk with the spool fills, clean-up takes what an old base needed. In the end the
server lives or is lost, and one recovered from the base has to have every commit up to where Rebond says that the log
is saved, in their order and without one left out; or Rebond says itself that something is missing.
"""

import contextlib
import ctypes
import io
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.scenarios.wal_stack import SmallSegments, WalStack, prepare_recovery, take_base
from tests.torture.filling import NoDisk, resize, small_disk, used_kib
from tests.torture.log_killing import find_majors
from tests.torture.rounds import choose_seed

from rebond.sources.postgres.wal_names import is_segment, parse_lsn
from rebond.testing.postgres_server import PostgresServer, find_postgres

_PATIENCE_SECONDS = 240.0
_GAP = 34
_EVENTS = 14
_WINDOW_SECONDS = 1
_DISK_KIB = 600_000  # the receiver leaves 256 MiB of it alone
_NEW_MOUNTS = 0x20000  # CLONE_NEWNS
_SETTINGS = {
    "wal_level": "replica",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "min_wal_size": "2MB",
    "max_wal_size": "4MB",
    "max_slot_wal_keep_size": "1GB",
    "wal_log_hints": "on",
    "archive_mode": "on",
    "archive_timeout": "0",
}


class LostLog(AssertionError):
    """The log is not what Rebond says that it is."""


class LogWalk:
    """One walk. ``commits`` are the numbers that the living timeline has, each with the position behind it."""

    def __init__(self, seed: int, major: int) -> None:
        self.rng = random.Random(seed)
        self.history: list[str] = []
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # a recovery kit
            self.stack = WalStack(way="receive")
        newest = find_postgres(max(find_majors()))
        self.stack.environment["PATH"] = f"{newest}:{os.environ['PATH']}"  # an older client does not receive
        self.vault, self.away = self.stack.folder / "vault", self.stack.folder / "away"
        self.slot = "rebond"
        self.receiver: subprocess.Popen[bytes] | None = None
        self.log_at = 0
        self.commits: dict[int, int] = {}
        self.next = 1
        self.has_cleaned = False
        self.is_tight = self.was_tight = False  # the disk, and since the receiver began
        self.bases = self.vaults = 0
        self._mounts = contextlib.ExitStack()
        self.disk = self._mount_state()
        self._settings = {**_SETTINGS, "archive_command": "/bin/true"}
        self.stack.serve()
        self.server: PostgresServer = SmallSegments(settings=self._settings, major=major)
        self._configure()
        self.server.sql("CREATE TABLE t (i int)")
        self.start_receiver()
        self._wait(self._is_streaming, "the first stream")
        self.base = self._take_base()

    def close(self) -> None:
        """End and remove everything."""
        self.server.remove()
        if self.away.exists():
            self.away.rename(self.vault)
        self.stack.stop_all()
        self._mounts.close()
        self.stack.close()

    # what may happen

    def walk(self) -> None:
        """Let things happen, and judge."""
        events = {
            self.commit: 6,
            self.switch: 5,
            self.checkpoint: 3,
            self.kill_receiver: 2,
            self.stop_receiver: 1,
            self.start_receiver: 3,
            self.kill_stream: 1,
            self.kill_server: 1,
            self.delete_spool: 1,
            self.delete_some_of_the_spool: 2,
            self.delete_state: 1,
            self.take_vault_away: 2,
            self.bring_vault_back: 2,
            self.fail_over: 1,
            self.fail_back: 1,
            self.fill_disk: 1 if self.disk else 0,
            self.free_disk: 1 if self.disk else 0,
            self.clean_up: 0.7,
            self.drop_slot: 0.4,
            self.use_another_slot: 0.5,
            self.begin_second_receiver: 0.3,
            self.archive_beside: 0.7,
            self.use_another_vault: 0.5,
            self.wait_a_little: 3,
        }
        for _ in range(_EVENTS):
            event = self.rng.choices([*events], [*events.values()])[0]
            self._look_at_receiver()
            self.history.append(event.__name__)
            event()
        self.history.append("judge")
        self.bring_vault_back()
        self.free_disk()
        if self.rng.random() < 0.5:
            self.judge_dead()
        else:
            self.judge_settled()

    def commit(self) -> None:
        """Commit some rows, each by itself."""
        for _ in range(self.rng.randrange(1, 4)):
            number, self.next = self.next, self.next + 1
            answer = self.server.sql(f"INSERT INTO t VALUES ({number}); SELECT pg_current_wal_flush_lsn()")
            self.commits[number] = parse_lsn(answer)

    def switch(self) -> None:
        """Finish one segment, or several."""
        for _ in range(self.rng.choice([1, 1, 3, 8])):
            self.commit()
            self.server.sql("SELECT pg_switch_wal()")

    def checkpoint(self) -> None:
        """Let the server remove what nobody holds."""
        self.server.sql("CHECKPOINT")
        self.server.sql("CHECKPOINT")

    def kill_receiver(self) -> None:
        """Kill the receiver, and not what it started."""
        if self.receiver is not None:
            self.receiver.kill()
            self.receiver.wait()
            self.receiver = None

    def stop_receiver(self) -> None:
        """Tell the receiver to stop; while the vault is away it may not put what it has."""
        if self.receiver is not None:
            self.receiver.send_signal(signal.SIGTERM)
            self.receiver.wait(60)
            self.receiver = None

    def start_receiver(self, *words: str) -> None:
        """Begin to receive, unless somebody does."""
        if self.receiver is None:
            self.was_tight = self.is_tight
            self.log_at = len(self._log())
            self.receiver = self.stack.begin("wal", "receive", "--slot", self.slot, *words)

    def kill_stream(self) -> None:
        """Kill pg_receivewal."""
        self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")

    def kill_server(self) -> None:
        """Crash, and start again."""
        self.server.stop(signal.SIGKILL)
        self._start_server()

    def delete_spool(self) -> None:
        """Delete all that lies on this machine alone."""
        shutil.rmtree(self._spool(), ignore_errors=True)

    def delete_some_of_the_spool(self) -> None:
        """Delete some files; the directory stays."""
        if self._spool().is_dir():
            share = self.rng.choice([0.2, 0.5, 1.0])
            for each in sorted(self._spool().iterdir()):
                if self.rng.random() < share:
                    each.unlink(missing_ok=True)

    def delete_state(self) -> None:
        """Delete the notes of the spool, or the ledger."""
        name = self.rng.choice(["state.json", "*.json"])
        for each in (self.stack.folder / "state").rglob(name):
            each.unlink(missing_ok=True)

    def take_vault_away(self) -> None:
        """Let the vault not answer."""
        if self.vault.exists():
            self.vault.rename(self.away)

    def bring_vault_back(self) -> None:
        """Let it answer again."""
        if self.away.exists():
            self.away.rename(self.vault)

    def fail_over(self) -> None:
        """Let a standby take over; the old server may write what nobody else has, and is lost."""
        old, new = self.server, self._promote_standby()
        old.stop(signal.SIGKILL)
        if self.rng.random() < 0.7:
            self.kill_receiver() if self.rng.random() < 0.5 else self.stop_receiver()
        old.remove()
        self._use(new)

    def fail_back(self) -> None:
        """Let a standby take over; the old server follows it by pg_rewind, and is promoted in its turn."""
        old = self.server
        old.change("wal_keep_size", "64MB")  # pg_rewind reads the log of both
        new = self._promote_standby()
        old.stop(self.rng.choice([signal.SIGINT, signal.SIGKILL]))
        if self.rng.random() < 0.5:
            self._use(new)
            self.switch()
        new.sql("CHECKPOINT")
        with (old.data / "postgresql.auto.conf").open("a") as file:
            file.write("wal_log_hints = on\n")  # a crash is recovered by pg_rewind itself, without our settings
        words = ("--target-pgdata", str(old.data), "--source-server", new.connection(), "--no-sync")
        try:
            old._run("pg_rewind", *words)
        except (AssertionError, FileNotFoundError) as error:  # what it needs of the old log is gone, or it is not here
            self.history.append(f"(no rewind: {str(error)[-90:]!r})")
            old.remove()
            new.change("wal_keep_size", "0")
            self._use(new)
            return
        with (old.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = '{new.connection()}'\nrecovery_target_timeline = 'latest'\n")
        (old.data / "standby.signal").touch()
        self.server = new
        self._start(old)
        self._wait(lambda: old.sql("SELECT count(*) FROM t") == new.sql("SELECT count(*) FROM t"), "what was rewound")
        old.sql("SELECT pg_promote()")
        old.change("wal_keep_size", "0")
        new.stop(self.rng.choice([signal.SIGINT, signal.SIGKILL]))
        new.remove()
        self._use(old)

    def _promote_standby(self) -> PostgresServer:
        """Return a standby that was promoted; the server may write what it does not have."""
        old = self.server
        taken = take_base(old, self.stack.folder / f"taken-{time.monotonic_ns()}")
        data = prepare_recovery(taken, self.stack.folder / "standby", {"primary_conninfo": old.connection()})
        (data / "recovery.signal").rename(data / "standby.signal")
        shutil.rmtree(taken)
        new = SmallSegments(adopts=data, settings=self._settings)
        if self.rng.random() < 0.7:
            self._wait(lambda: new.sql("SELECT count(*) FROM t") == old.sql("SELECT count(*) FROM t"), "the standby")
        new.change("wal_keep_size", old.sql("SHOW wal_keep_size").strip())
        new.sql("SELECT pg_promote()")
        if self.rng.random() < 0.6:
            for number in range(self.rng.choice([1, 4])):
                old.sql(f"INSERT INTO t VALUES ({-number - 1}); SELECT pg_switch_wal()")
            time.sleep(self.rng.choice([0, 1]))
        return new

    def _use(self, server: PostgresServer) -> None:
        """Name another server in the configuration; what it does not have was never on the living timeline."""
        self.server = server
        self._configure()
        left = {int(each) for each in server.sql("SELECT i FROM t").split()}
        self.commits = {number: lsn for number, lsn in self.commits.items() if number in left}
        running, self.receiver = self.receiver, None
        if running is not None:  # it was started with the former configuration
            running.kill()
            running.wait()
            self.start_receiver()

    def fill_disk(self) -> None:
        """Let the disk with the spool have no room, or hardly any."""
        assert self.disk is not None
        self.is_tight = self.was_tight = True
        resize(self.disk, max(1, used_kib(self.disk) + self.rng.choice([0, 4, 300, 1_500, 100_000])))

    def free_disk(self) -> None:
        """Let it have room again."""
        self.is_tight = False
        if self.disk is not None:
            resize(self.disk, _DISK_KIB)

    def clean_up(self) -> None:
        """Save the component, and let clean-up take what was before; once in a walk, for another base keeps its own."""
        if self.has_cleaned:
            return
        self.has_cleaned = True
        self.bring_vault_back()
        self.free_disk()
        self.start_receiver()
        saved = self._run("backup")
        time.sleep(_WINDOW_SECONDS + 1)
        path = self.stack.folder / "rebond.toml"
        written = path.read_text()
        path.write_text(written.replace('window = "7d"', f'window = "{_WINDOW_SECONDS}s"'))
        pruned = self._run("prune")
        path.write_text(written)
        self.history.append(f"(backup {saved}, prune {pruned})")
        self.base = self._take_base()

    def drop_slot(self) -> None:
        """Drop the slot; it is in use no more then."""
        self.kill_receiver()
        self._wait(lambda: "t" not in self.server.sql("SELECT active FROM pg_replication_slots"), "a slot to be let go")
        self.server.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")

    def use_another_slot(self) -> None:
        """Receive over a slot of another name from now on."""
        self.stop_receiver()
        self.slot = self.rng.choice(["rebond", "other", "third"])
        self.start_receiver()

    def begin_second_receiver(self) -> None:
        """Begin a second one: it has to see that one is enough."""
        if self.receiver is not None and self.receiver.poll() is None:
            first, second = self.receiver, self.stack.begin("wal", "receive", "--slot", "second")
            self._wait(lambda: first.poll() is not None or second.poll() is not None, "the end of one of two receivers")
            if first.poll() is not None:  # it had only just begun
                self.receiver, self.slot = second, "second"

    def archive_beside(self) -> None:
        """Let the server archive by itself as well, or no more."""
        ours = f'{self.stack.program} push "%p"'
        self._settings["archive_command"] = command = self.rng.choice([ours, "/bin/true"])
        self.server.change("archive_command", command)

    def use_another_vault(self) -> None:
        """Name a new vault in the configuration; what it cannot have, a new base does without."""
        self.stop_receiver()
        self.bring_vault_back()
        self.free_disk()
        self.vaults += 1
        self.vault = self.stack.folder / f"vault-{self.vaults}"
        self._configure()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # a recovery kit
            self.stack.run("vault", "create", str(self.vault))
        self.stack.stop_all()
        self.stack.socket.unlink(missing_ok=True)
        self.stack.serve()
        self.start_receiver()
        self.base = self._take_base()

    def wait_a_little(self) -> None:
        """Let what was begun go on."""
        time.sleep(self.rng.choice([0.1, 0.5, 3]))

    # what has to be so

    def judge_dead(self) -> None:
        """The server is lost at once: what Rebond says that it has, it has to give back."""
        if self.rng.random() < 0.5:
            self.stop_receiver()
        else:
            self.kill_receiver()
        status, told = self._ask_status()
        promised = self._promised(told)
        self._archive_nothing_more()
        self.server.stop(signal.SIGKILL)
        self._judge_recovered(promised, status)
        shutil.rmtree(self.server.data / "pg_wal", ignore_errors=True)

    def judge_settled(self) -> None:
        """The receiver goes on until all is saved, or says what is missing; then it goes on behind that."""
        self._look_at_receiver()
        self.stop_receiver()
        self.start_receiver()
        self.commit()
        self.server.sql("SELECT pg_switch_wal()")
        self.commit()
        wanted = max(self.commits.values())
        until = time.monotonic() + _PATIENCE_SECONDS
        accepted = 0
        while True:
            time.sleep(0.5)
            said = self._log()[self.log_at :]
            assert self.receiver is not None
            if self.receiver.poll() is not None:
                raise LostLog(f"the receiver ended with {self.receiver.returncode}: {said[-800:]}")
            if "has a gap" in said and accepted < 3:
                self._require_true_gap(said)
                self.stop_receiver()
                self.start_receiver("--accept-gap")
                accepted += 1
                self.history.append("accept-gap")
                continue
            status, told = self._ask_status()
            if self._promised(told) >= wanted:
                break
            if accepted:
                self.commit()
                self.server.sql("SELECT pg_switch_wal()")
            if time.monotonic() > until:
                raise LostLog(f"it is not saved up to {wanted:X}: status {status}, {told}, {said[-1500:]}")
        if accepted:  # a base behind the gap has all
            self.history.append("new base")
            status_now, _ = self._ask_status()
            if status_now != _GAP and not self._recovers_to(wanted):
                raise LostLog(f"a gap was accepted, and status says {status_now}: {told}")
            self.base = self._take_base()
            self.commit()
            self.server.sql("SELECT pg_switch_wal()")
            self.commit()
            wanted = max(self.commits.values())
            self._wait(lambda: self._promised(self._ask_status()[1]) >= wanted, "what comes behind the gap")
            status = 0
        self.stop_receiver()
        self._archive_nothing_more()
        self._judge_recovered(wanted, status)

    def _configure(self) -> None:
        self.stack.configure(self.server.socket_folder)
        path = self.stack.folder / "rebond.toml"
        path.write_text(path.read_text().replace(f'{self.stack.folder}/vault"', f'{self.vault}"'))

    def _require_true_gap(self, said: str) -> None:
        """Nothing may be told as a gap that lies in the vault or here."""
        line = next(each for each in said.splitlines() if "has a gap" in each)
        names = [word.strip('"') for word in line.split() if is_segment(word.strip('"'))]
        _, told = self._ask_status()
        for name in names:
            if (self._spool() / name).exists() and (self._spool() / name).read_bytes()[:24] != bytes(24):
                raise LostLog(f"{name} is refused and lies in the spool: {line}")
            number = int(name[8:16], 16) * 4096 + int(name[16:], 16)
            for each in told["timelines"]:
                if each["timeline"] == int(name[:8], 16) and any(a <= number <= b for a, b in each["ranges"]):
                    raise LostLog(f"{name} is refused and stands in the vault: {line}")

    def _judge_recovered(self, promised: int, status: int) -> None:
        """Recover, and compare: every commit up to ``promised``, none left out before one that is there."""
        found, words = self._recover()
        expected = {number for number, lsn in self.commits.items() if lsn <= promised}
        if found is None:
            if status != _GAP and promised >= self.base_until:  # else the log of the base itself is not saved yet
                raise LostLog(f"no recovery, and status was {status}: {words}")
            return
        lacking = expected - found
        if lacking and status != _GAP:
            raise LostLog(f"{sorted(lacking)[:5]} of {len(expected)} are lost, and status was {status}")
        order = [number for number, _ in sorted(self.commits.items(), key=lambda each: each[1])]
        has = [number in found for number in order]
        if False in has and True in has[has.index(False) :]:
            raise LostLog(f"commits are left out in the middle: {order} {sorted(found)}")

    def _recovers_to(self, wanted: int) -> bool:
        found, _ = self._recover()
        return found is not None and {number for number, lsn in self.commits.items() if lsn <= wanted} <= found

    def _recover(self) -> tuple[set[int] | None, str]:
        """Return the numbers that come back; ``None`` where recovery does not end, with the server's words."""
        command = f'{self.stack.program} fetch "%f" "%p"'
        folder = self.stack.folder / f"recovered-{time.monotonic_ns()}"
        data = prepare_recovery(self.base, folder, {"restore_command": command, "archive_mode": "off"})
        settings = {"archive_mode": "off"}
        try:
            with SmallSegments(adopts=data, settings=settings) as recovered:
                until = time.monotonic() + _PATIENCE_SECONDS
                while recovered.sql("SELECT pg_is_in_recovery()").strip() != "f":
                    if time.monotonic() > until:
                        raise LostLog("recovery does not end")
                    time.sleep(0.05)
                return {int(each) for each in recovered.sql("SELECT i FROM t").split()}, ""
        except LostLog:
            raise
        except AssertionError as error:
            return None, str(error)[-1500:]

    def _ask_status(self) -> tuple[int, dict[str, Any]]:
        words = [sys.executable, "-m", "rebond.cli", "wal", "status", "--json"]
        done = subprocess.run(words, env=self.stack.environment, capture_output=True, check=False, text=True)
        if done.returncode not in {0, 3, _GAP}:
            raise LostLog(f"wal status ended with {done.returncode}: {done.stdout}{done.stderr}")
        told = _find_standing(json.loads(done.stdout))
        has_gap = any(each["code"].startswith("wal-gap") for each in told["problems"])
        return _GAP if has_gap else done.returncode, told

    def _promised(self, told: dict[str, Any]) -> int:
        return parse_lsn(told["frontier"]) if told["frontier"] else 0

    def _run(self, *words: str) -> int:
        """Run a command of the product as a process; return its status."""
        command = [sys.executable, "-m", "rebond.cli", *words]
        return subprocess.run(command, env=self.stack.environment, capture_output=True, check=False).returncode

    def _look_at_receiver(self) -> None:
        """Nothing but a full disk lets a receiver end by itself."""
        if self.receiver is not None and self.receiver.poll() is not None:
            if not self.was_tight:
                raise LostLog(f"the receiver ended with {self.receiver.returncode}: {self._log()[-1500:]}")
            self.history.append("(it ended)")
            self.receiver = None

    def _mount_state(self) -> pathlib.Path | None:
        """Put what lies on this machine alone onto a disk of its own, where this machine lets us."""
        state = self.stack.folder / "state"
        kept = self.stack.folder / "kept"
        state.mkdir(exist_ok=True)
        shutil.copytree(state, kept)
        try:
            disk = self._mounts.enter_context(small_disk(state, _DISK_KIB))
        except NoDisk:
            return None
        finally:
            shutil.copytree(kept, state, dirs_exist_ok=True)
            shutil.rmtree(kept)
        return disk

    def _take_base(self) -> pathlib.Path:
        self.bases += 1
        base = take_base(self.server, self.stack.folder / f"base-{self.bases}")
        self.base_until = parse_lsn(self.server.sql("SELECT pg_current_wal_flush_lsn()"))
        return base

    def _archive_nothing_more(self) -> None:
        self.server.change("archive_command", "/bin/true")

    def _start_server(self) -> None:
        self._start(self.server)

    def _start(self, server: PostgresServer) -> None:
        for _ in range(40):
            try:
                server.start()
                return
            except AssertionError as error:
                if "still in use" not in str(error)[-400:]:
                    raise
                time.sleep(0.25)
        raise AssertionError("the processes of a killed server stay")

    def _is_streaming(self) -> bool:
        return "t" in self.server.sql("SELECT active FROM pg_replication_slots")

    def _spool(self) -> pathlib.Path:
        found = list((self.stack.folder / "state").rglob("wal/spool/database"))
        return found[0] if found else self.stack.folder / "state" / "none"

    def _log(self) -> str:
        return self.stack.log()

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > until:
                raise LostLog(f"{what} did not come to pass: {self._log()[-1500:]}")
            time.sleep(0.05)


def _find_standing(told: Any) -> dict[str, Any]:
    """Return what is said of the one component."""
    while not (isinstance(told, dict) and "frontier" in told):
        told = told["result"] if isinstance(told, dict) else told[0]
    return told


def _leave_mounts_alone() -> None:
    """Let nobody else on this machine see what is mounted here; without the right to that nothing is mounted."""
    if ctypes.CDLL(None).unshare(_NEW_MOUNTS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def walk_around_the_log(seconds: float) -> str:
    """Walk as long as there is time, each walk on one of the versions that are here; return the figures."""
    _leave_mounts_alone()
    majors = find_majors()
    until = time.monotonic() + seconds
    rng = random.Random(choose_seed())
    walks = events = 0
    while not walks or time.monotonic() < until:
        seed, major = rng.randrange(1 << 30), rng.choice(majors)
        walk = LogWalk(seed, major)
        try:
            walk.walk()
        except BaseException:
            print(
                f"walk {seed} on PostgreSQL {major}: {' '.join(walk.history)}\n{walk.stack.log()[-6000:]}", flush=True
            )
            raise
        finally:
            events += len(walk.history)
            walk.close()
        walks += 1
    return f"PostgreSQL {', '.join(map(str, majors))}: {walks} walks, {events} events, nothing lost in silence"
