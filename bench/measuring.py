"""Runs a command and measures it: wall clock, processor time, peak memory of its whole process tree."""

import ctypes
import mmap
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_SECONDS = 0.05
_LEFT_FREE_BYTES = 1 << 30
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAUSE_PER_LOOK = 30  # times as long as a look into shared pages took, none follows
_C_LIBRARY = ctypes.CDLL(None, use_errno=True)
_KCMP = {"x86_64": 312, "aarch64": 272}  # the number of a call that the C library has no name for
_KCMP_VM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run: programs joined by pipes, where, with which environment on top of a bare one."""

    pipeline: tuple[tuple[str, ...], ...]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    output: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a command took. ``others_share`` is the part of the machine's processors that other programs used
    meanwhile: above some 0.1 the wall clock says little."""

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    peak_resident_bytes: int
    peak_anonymous_bytes: int
    others_share: float
    read_bytes: int = 0

    @property
    def processor_seconds(self) -> float:
        return self.user_seconds + self.system_seconds


class CommandBroke(Exception):
    """A command ended badly; its last words are in the message."""


def run_measured(
    command: Command, *, log: Path, accepted: tuple[int, ...] = (0,), cgroup: Path | None = None
) -> Measure:
    """Run the pipeline to its end and return what it took.

    Caches are left warm: nothing is dropped. Memory is sampled every 50 ms over the tree of processes, anonymous pages
    apart from mapped files, and those that a process shares with a copy of itself once.
    Raises ``CommandBroke`` when any process of the pipeline ends with a status that is not accepted.
    """
    before_busy, before_usage, started = read_busy_seconds(), read_children_seconds(), time.perf_counter()
    with log.open("ab") as messages:
        processes = start_pipeline(command, messages.fileno(), cgroup)
        watcher = MemoryWatcher([process.pid for process in processes])
        watcher.start()
        try:
            statuses = [process.wait() for process in processes]
        except BaseException:
            stop_processes(processes)
            raise
        finally:
            watcher.stop()
    wall = time.perf_counter() - started
    usage = [after - before for after, before in zip(read_children_seconds(), before_usage, strict=True)]
    if any(status not in accepted for status in statuses):
        raise CommandBroke(f"{command.pipeline[0][0]} ended with {statuses}: {read_last_words(log)}")
    busy = read_busy_seconds() - before_busy
    return Measure(
        wall_seconds=wall,
        user_seconds=usage[0],
        system_seconds=usage[1],
        peak_resident_bytes=watcher.peak_resident_bytes,
        peak_anonymous_bytes=watcher.peak_anonymous_bytes,
        read_bytes=watcher.read_bytes,
        others_share=max(0.0, (busy - sum(usage)) / wall / (os.cpu_count() or 1)),
    )


def wake_memory() -> None:
    """Take nearly all free memory, touch it and give it back.

    The host of a virtual machine takes away what lies free for some seconds, and brings it back page by page: a program
    that writes to memory would be measured with whatever its predecessors have left warm. 6 GB take 15 s, then 3 s.
    """
    free = next(int(line.split()[1]) for line in Path("/proc/meminfo").open() if line.startswith("MemFree")) * 1024
    if (size := free - _LEFT_FREE_BYTES) > 0:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def start_pipeline(command: Command, messages: int, cgroup: Path | None = None) -> list[subprocess.Popen[bytes]]:
    """Start the programs, each reading the one before; the last writes to the output file or the log."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **command.environment}
    enter = (lambda: (cgroup / "cgroup.procs").write_text("0")) if cgroup else None
    processes: list[subprocess.Popen[bytes]] = []
    source: int | None = None
    for number, program in enumerate(command.pipeline):
        is_last = number == len(command.pipeline) - 1
        target = subprocess.PIPE if not is_last else messages
        if is_last and command.output:
            target = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        process = subprocess.Popen(
            program,
            cwd=command.folder,
            env=environment,
            stdin=subprocess.DEVNULL if source is None else source,
            stdout=target,
            stderr=messages,
            preexec_fn=enter,  # noqa: PLW1509 - this program has one thread here
        )
        if source is not None:
            os.close(source)
        if is_last and command.output:
            os.close(target)
        source = os.dup(process.stdout.fileno()) if process.stdout else None
        if process.stdout:
            process.stdout.close()
        processes.append(process)
    return processes


def stop_processes(processes: list[subprocess.Popen[bytes]]) -> None:
    """End what was started here, and only that."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait()


class MemoryWatcher(threading.Thread):
    """Samples the memory of some processes and all their children; anonymous pages that several share count once."""

    def __init__(self, roots: list[int]) -> None:
        super().__init__(daemon=True)
        self._roots = roots
        self._is_over = threading.Event()
        self.peak_resident_bytes = 0
        self.peak_anonymous_bytes = 0
        self._read_bytes: dict[int, int] = {}
        self._looks_again_at = 0.0

    @property
    def read_bytes(self) -> int:
        """What the processes were seen to read, from files and pipes."""
        return sum(self._read_bytes.values())

    def run(self) -> None:
        while not self._is_over.wait(SAMPLE_SECONDS):
            self._sample()

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def _sample(self) -> None:
        resident = anonymous = 0
        processes = []
        for process, parent in walk_processes(self._roots):
            if parent and is_same_memory(process, parent):
                continue  # it is about to become another program, and borrows what its parent has until then
            status = read_status(process)
            resident += status.get("VmRSS", 0)
            anonymous += status.get("RssAnon", 0)
            self._read_bytes[process] = max(self._read_bytes.get(process, 0), count_read_bytes(process))
            processes.append(process)
        self.peak_resident_bytes = max(self.peak_resident_bytes, resident)
        if anonymous > self.peak_anonymous_bytes:
            self._look_closely(processes, anonymous)

    def _look_closely(self, processes: list[int], most: int) -> None:
        """Raise the peak to what the processes hold of their own, ``most`` bytes if they share nothing.

        To learn what is shared the kernel goes through all their pages, some 20 ms a gigabyte.
        """
        if len(processes) > 1:
            started = time.monotonic()
            if started < self._looks_again_at:
                return
            shares = list(map(read_anonymous_share, processes))
            ended = time.monotonic()
            self._looks_again_at = ended + (ended - started) * _PAUSE_PER_LOOK
            most = min(most, sum(shares))
        self.peak_anonymous_bytes = max(self.peak_anonymous_bytes, most)


def walk_processes(roots: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the processes and all below them, each with its parent, 0 for the first ones."""
    waiting = [(root, 0) for root in roots]
    while waiting:
        process, parent = waiting.pop()
        yield process, parent
        waiting.extend((child, process) for child in list_children(process))


def is_same_memory(process: int, other: int) -> bool:
    """Whether two processes have one memory between them, as after ``vfork``; no where the kernel does not tell."""
    call = _KCMP.get(os.uname().machine)
    return call is not None and _C_LIBRARY.syscall(call, process, other, _KCMP_VM, 0, 0) == 0


def read_anonymous_share(process: int) -> int:
    """Return the anonymous bytes of a process, of pages that several share its part; 0 once it is gone."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss_Anon:")), 0)


def read_status(process: int) -> dict[str, int]:
    """Return the memory lines of a process's status in bytes; nothing once it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.endswith("kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields}


def count_read_bytes(process: int) -> int:
    """Return the bytes that a process has asked the kernel for so far; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{process}/io").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def list_children(process: int) -> list[int]:
    """Return the direct children of every thread of a process."""
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            children.extend(map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split()))
    except OSError:
        pass  # it ended while we looked
    return children


def read_children_seconds() -> tuple[float, float]:
    """Return user and system seconds of all children that were waited for."""
    times = os.times()
    return times.children_user, times.children_system


def read_busy_seconds() -> float:
    """Return the seconds that all processors have worked since the machine started."""
    user, nice, system, _idle, _io, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + soft + steal) / _TICKS_PER_SECOND


def wait_for_quiet(*, limit_seconds: float, share: float = 0.1) -> bool:
    """Wait until other programs use less than ``share`` of the processors for two seconds; say whether they do."""
    deadline = time.monotonic() + limit_seconds
    while True:
        before, started = read_busy_seconds(), time.monotonic()
        time.sleep(2 if limit_seconds else 0.2)
        elapsed = time.monotonic() - started
        if (read_busy_seconds() - before) / elapsed / (os.cpu_count() or 1) < share:
            return True
        if time.monotonic() > deadline:
            return False


def read_last_words(log: Path, limit_bytes: int = 1500) -> str:
    """Return the end of a log."""
    return log.read_bytes()[-limit_bytes:].decode(errors="replace")
