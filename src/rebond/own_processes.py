"""Parts of this program in processes of their own: each interpreter has a lock to itself.

What is large goes through one anonymous file in memory that both sides know; requests and answers
are short records on the process's standard input and output. A process ends when its input does,
so it never outlives the program, however that ended.
"""

import contextlib
import ctypes
import fcntl
import gc
import mmap
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn, Protocol

_LENGTH = struct.Struct("<I")
_BUFFERS_AT_ONCE = 1000  # the kernel takes at most 1,024 in one call
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT_BYTES = 32 << 20  # what a process keeps for its next request instead of giving it back
_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)  # while a copy is not yet one
_NAME_LENGTH = 15  # of a process, for the kernel
_COPIED_BYTES = 128 << 20  # of memory of its own, from which on a process is too large to be copied

Buffer = bytes | bytearray | memoryview
MakeHandler = Callable[[int], Callable[[bytes], bytes]]


class ProcessLost(Exception):
    """The process ended, or could not be started; what it was asked has to be done by somebody else."""


class OwnProcess:
    """A module of this program in a process of its own. Several threads may ask it: it answers in their order.

    The module calls ``answer_requests``. The process leads a session of its own: what is typed at
    our terminal reaches us only. With ``make_handler``, that of the module, it is a copy of this process where this
    one may be copied, which costs a twentieth of a new one. Raises ``ProcessLost`` when it cannot be started here.
    """

    def __init__(self, module: str, make_handler: MakeHandler | None = None) -> None:
        try:
            self.file = os.memfd_create("rebond", os.MFD_CLOEXEC)
        except (AttributeError, OSError) as error:
            raise ProcessLost(str(error)) from error
        try:
            is_copied = make_handler is not None and may_be_copied()
            self._process: _Running = (
                _CopiedProcess(module, make_handler, self.file)
                if is_copied and make_handler
                else _start(module, self.file)
            )
        except OSError as error:
            os.close(self.file)
            raise ProcessLost(str(error)) from error
        self.pid = self._process.pid
        self.exit_status: int | None = None
        self._sending = threading.Lock()
        self._turns = threading.Condition()
        self._asked = 0
        self._answered = 0

    def ask(self, request: bytes) -> bytes:
        """Send a request and wait for its answer. Raises ``ProcessLost`` when the process has ended."""
        try:
            assert self._process.stdin is not None  # noqa: S101 - both are pipes
            assert self._process.stdout is not None  # noqa: S101
            with self._sending:
                self._process.stdin.write(_LENGTH.pack(len(request)) + request)
                self._process.stdin.flush()
                turn = self._asked
                self._asked += 1
            with self._my_turn(turn):
                return _read_record(self._process.stdout)
        except (OSError, EOFError, ValueError) as error:
            raise ProcessLost(str(error)) from error

    @contextlib.contextmanager
    def _my_turn(self, turn: int) -> Iterator[None]:
        """Wait until every request before this one was answered, or failed."""
        with self._turns:
            self._turns.wait_for(lambda: self._answered == turn)
        try:
            yield
        finally:
            with self._turns:
                self._answered += 1
                self._turns.notify_all()

    def write(self, parts: Sequence[Buffer], start: int = 0) -> int:
        """Write ``parts`` one after the other from ``start`` on; return their bytes. Raises ``ProcessLost``."""
        try:
            return write_parts(self.file, parts, start)
        except OSError as error:
            raise ProcessLost(str(error)) from error

    def read(self, size: int, offset: int = 0) -> bytes:
        """Read what the process wrote to the file; raises ``ProcessLost`` when it is not all there."""
        try:
            content = os.pread(self.file, size, offset)
        except OSError as error:
            raise ProcessLost(str(error)) from error
        if len(content) != size:
            raise ProcessLost("its answer is cut short")
        return content

    def let_end(self) -> None:
        """Ask no more: the process ends, if it has not yet. Calling twice does no harm."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        """Let the process end, and wait until it has; calling twice does no harm."""
        if self.exit_status is None:
            self.let_end()
            self.exit_status = self._process.wait()
            os.close(self.file)


def _start(module: str, file: int) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(file)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(file,),
        start_new_session=True,
    )


class _Running(Protocol):
    """What is asked of a process, however it was started."""

    pid: int

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def wait(self) -> int: ...


def may_be_copied() -> bool:
    """Say whether a copy of this process is whole, and cheap: of several threads only one would be in it."""
    try:
        is_alone = len(os.listdir("/proc/self/task")) == 1
        pages = Path("/proc/self/statm").read_bytes().split()
    except OSError:
        return False  # another system, where nothing is known of that
    return is_alone and (int(pages[1]) - int(pages[2])) * mmap.PAGESIZE <= _COPIED_BYTES


class _CopiedProcess:
    """A copy of this process that only answers requests: nothing of what this one holds open is open in it.

    So nobody's lock is held, and nobody's end of a pipe kept open, by it.
    """

    def __init__(self, module: str, make_handler: MakeHandler, file: int) -> None:
        requests, answers = os.pipe(), os.pipe()
        # A signal that came to the copy while it is still this process would end, and clean up, all that this one does.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _live_as_copy(module, make_handler, requests[0], answers[1], file, mask)
        except OSError:
            for descriptor in (*requests, *answers):
                os.close(descriptor)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(requests[0])
        os.close(answers[1])
        self.stdin: IO[bytes] = os.fdopen(requests[1], "wb")
        self.stdout: IO[bytes] = os.fdopen(answers[0], "rb")

    def wait(self) -> int:
        """Wait until it has ended; return its status, less than 0 for a signal."""
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # whoever started this program lets its children go without a status
            return 0


def _live_as_copy(
    module: str, make_handler: MakeHandler, incoming: int, outgoing: int, file: int, mask: set[signal.Signals | int]
) -> NoReturn:
    """Answer until the input ends, and end without anything that this process was to do in the end."""
    status = 1
    try:
        os.setsid()
        for number in _HELD_BACK:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.freeze()  # to look through what was copied would make it be copied in earnest
        needed = (incoming, outgoing, os.open(os.devnull, os.O_RDWR), file)
        kept = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, len(needed)) for each in needed]  # any may have a low number
        for place, descriptor in enumerate(kept):
            os.dup2(descriptor, place, inheritable=False)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 3:
                with contextlib.suppress(OSError):  # that of the listing itself
                    os.close(int(name))
        with contextlib.suppress(OSError):  # only for who looks at a list of processes
            Path("/proc/self/comm").write_text(module.rpartition(".")[2][:_NAME_LENGTH])
        _answer(make_handler(3), os.fdopen(0, "rb"), os.fdopen(1, "wb"))
        status = 0
    finally:
        os._exit(status)


# -- the other side -------------------------------------------------------------------------------


def answer_requests(make_handler: MakeHandler, *, niceness: int = 0) -> None:
    """Answer what comes on standard input until it ends; for the main module of a process.

    ``make_handler`` is given the number of the file in memory. What the handler raises ends the
    process. ``niceness`` lets others go first: whoever feeds this process, and whatever else the machine is for.
    """
    os.nice(niceness)
    _answer(make_handler(int(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)


def _answer(handle: Callable[[bytes], bytes], incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    _keep_memory()
    while True:
        try:
            request = _read_record(incoming)
        except EOFError:
            return
        answer = handle(request)
        outgoing.write(_LENGTH.pack(len(answer)) + answer)
        outgoing.flush()


@contextlib.contextmanager
def mapped(file: int, size: int, start: int = 0) -> Iterator[memoryview]:
    """Give ``size`` bytes of a file, not 0, without copying them; ``start`` is a multiple of a page."""
    with mmap.mmap(file, size, prot=mmap.PROT_READ, offset=start) as pages, memoryview(pages) as content:
        yield content


def write_parts(file: int, parts: Sequence[Buffer], start: int = 0) -> int:
    """Write ``parts`` one after the other from ``start`` of a file; return their bytes. Raises ``OSError``."""
    size = 0
    for first in range(0, len(parts), _BUFFERS_AT_ONCE):
        batch = parts[first : first + _BUFFERS_AT_ONCE]
        wanted = sum(map(len, batch))
        if os.pwritev(file, batch, start + size) != wanted:
            raise OSError("a short write to memory")
        size += wanted
    return size


def _read_record(source: IO[bytes]) -> bytes:
    head = source.read(_LENGTH.size)
    if len(head) != _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    record = source.read(length)
    if len(record) != length:
        raise EOFError
    return record


def _keep_memory() -> None:
    """Tell the allocator to use the same memory again: fresh pages cost more than what fills them."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, 2 * _KEPT_BYTES)
