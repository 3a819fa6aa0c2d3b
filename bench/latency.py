"""Restores through a store that takes its time: an S3 server on loopback that waits before every answer."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from bench.measuring import Command, CommandBroke, run_measured
from bench.peers import Bucket, Place, Tool, find_content
from bench.rounds import choose_file, find_difference
from bench.sections import Section, format_bytes

CACHES = ("restic", "kopia", "rebond")


class SlowServer:
    """The server, in a process of its own; its delay is changed and its requests are counted from here."""

    def __init__(self, bucket: Bucket, control: Connection) -> None:
        self.bucket = bucket
        self._control = control

    def wait_before_answers(self, seconds: float) -> int:
        """Set the delay and return how many requests came since the last call."""
        self._control.send(seconds)
        return int(self._control.recv())


@contextmanager
def serve_slowly() -> Iterator[SlowServer]:
    """Run the server for as long as the block lasts."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        endpoint, access_key, secret_key = here.recv()
        bucket = Bucket(endpoint=endpoint, name="bucket", access_key=access_key, secret_key=secret_key)
        yield SlowServer(bucket, here)
    finally:
        here.close()
        process.join(10)
        if process.is_alive():
            process.terminate()


def _serve(control: Connection) -> None:
    from rebond.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

    with S3Server() as server:
        control.send((urlsplit(server.endpoint).netloc, ACCESS_KEY, SECRET_KEY))
        try:
            while True:
                server.latency_seconds = control.recv()
                control.send(len(server.requests))
                server.requests.clear()
        except EOFError:
            return


def measure_latency(
    *, tools: list[Tool], trees: list[Path], work: Path, delay_seconds: float, rounds: int, say: Callable[[str], None]
) -> Section:
    """Back every tree up without delay, then restore one file, and everything, from empty caches with it."""
    rows: list[tuple[str, ...]] = []
    raw: list[dict[str, object]] = []
    for tree in trees:
        for tool in tools:
            try:
                for result in _measure_tool(tool, tree, work, delay_seconds, rounds):
                    raw.append(result)
                    rows.append(
                        (
                            str(result["tree"]),
                            str(result["tool"]),
                            str(result["step"]),
                            f"{result['seconds']:.2f} s",
                            f"{result['requests']}",
                            format_bytes(float(str(result["anonymous"]))),
                            str(result["problem"]),
                        )
                    )
                    say(" | ".join(rows[-1]))
            except CommandBroke as error:
                rows.append((tree.name, tool.name, "broken", "-", "-", "-", str(error)[:200]))
                say(" | ".join(rows[-1]))
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return Section(
        title="A distant store",
        intro=f"Through an S3 server on loopback that waits {delay_seconds * 1000:.0f} ms per answer; caches empty"
        f" before each restore, as on a bare machine. The least of {rounds} runs. The server is the tests' own, written"
        " in Python, and shares the processors with what is measured.",
        header=("tree", "", "step", "time", "requests", "peak anonymous", ""),
        rows=rows,
        raw=raw,
    )


def _measure_tool(tool: Tool, tree: Path, work: Path, delay_seconds: float, rounds: int) -> Iterator[dict[str, object]]:
    shutil.rmtree(work, ignore_errors=True)
    with serve_slowly() as server:
        place = Place(tree=tree, vault=work / "vault", cache=work / "cache", bucket=server.bucket)
        place.home.mkdir(parents=True)
        log = work / "log"
        for command in (*tool.create(place), tool.back_up(place)):
            run_measured(command, log=log)
        chosen = str(choose_file(tree).relative_to(tree))
        for step in ("one file", "restore"):
            best: dict[str, object] | None = None
            for number in range(rounds):
                target = work / "target"
                target.mkdir()
                for name in CACHES:
                    shutil.rmtree(place.cache / name, ignore_errors=True)
                restore = tool.restore(place, target) if step == "restore" else tool.restore_file(place, chosen, target)
                server.wait_before_answers(delay_seconds)
                measure = run_measured(restore or Command(pipeline=(("false",),)), log=log)
                requests = server.wait_before_answers(0)
                problem = (
                    find_difference(tree, find_content(tool, tree, target)) if step == "restore" and not number else ""
                )
                shutil.rmtree(target)
                if best is None or measure.wall_seconds < float(str(best["seconds"])):
                    best = {
                        "tree": tree.name,
                        "tool": tool.name,
                        "step": step,
                        "seconds": measure.wall_seconds,
                        "requests": requests,
                        "anonymous": measure.peak_anonymous_bytes,
                        "others_share": measure.others_share,
                        "problem": problem,
                    }
            if best:
                yield best
