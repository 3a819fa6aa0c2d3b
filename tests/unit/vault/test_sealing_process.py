"""Segments sealed in another process are the same segments; a process that is lost costs time, nothing else."""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.vault.written_trees import KEYS, sealing_context

from rebond import own_processes
from rebond.errors import VaultDamaged
from rebond.identifiers import SessionId
from rebond.own_processes import ProcessLost
from rebond.vault import sealing_pipeline
from rebond.vault.frames import Compressor, Texture, build_frame, join_chunks, open_frame, split_chunks
from rebond.vault.packs import FilledPack, open_table, table_binding
from rebond.vault.primitives import hash_of, keyed_id, sealing_private_key
from rebond.vault.sealing_pipeline import FullSegment, SealingPipeline
from rebond.vault.sealing_process import SealingProcess
from rebond.vault.sealing_team import SealingTeam
from rebond.vault.segments import SegmentKind, open_segment

SESSION = SessionId(b"s" * 16)
CONTEXT = sealing_context(SESSION)


def chunks_of(seed: int, count: int) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(rng.randrange(1, 5000)) + bytes(rng.randrange(3000)) for _ in range(count)]


def ids_of(chunks: list[bytes], kind: SegmentKind = SegmentKind.DATA) -> list[bytes]:
    key = KEYS.data_id_key if kind is SegmentKind.DATA else KEYS.tree_id_key
    return [keyed_id(key, chunk) for chunk in chunks]


def opened(stored: bytes) -> list[bytes]:
    table = split_chunks(open_frame(open_segment(stored, sealing_private_key(bytes(32)))))
    return [bytes(table.content(position)) for position in range(len(table.ids))]


@pytest.fixture
def process() -> Iterator[SealingProcess]:
    one = SealingProcess(CONTEXT)
    yield one
    one.close()


def test_what_another_process_seals_opens_as_what_this_one_seals(process: SealingProcess) -> None:
    for number, (kind, count) in enumerate(
        [(SegmentKind.DATA, 3), (SegmentKind.TREE, 1), (SegmentKind.DATA, 2500), (SegmentKind.DATA, 10)]
    ):
        chunks = chunks_of(number, count)
        ids = ids_of(chunks, kind)

        sealed = process.seal(kind, number, ids, list(chunks))

        assert opened(sealed.stored) == chunks
        assert sealed.stored_hash == hash_of(sealed.stored)
        binding = table_binding(CONTEXT.vault_id, KEYS.domain, SESSION, number)
        assert open_table(KEYS.table_key, sealed.table, binding, count) == b"".join(ids)


def test_the_process_compresses_each_segment_as_what_it_holds_is_like() -> None:
    context = sealing_context(SESSION, "balanced")
    process = SealingProcess(context)
    chunks = [b"%d\ta row of words, or the like\n" % number * 9 for number in range(3000)]
    ids = ids_of(chunks)

    for number, texture in enumerate(Texture):
        sealed = process.seal(SegmentKind.DATA, number, ids, list(chunks), number % 2, texture)

        frame = open_segment(sealed.stored, sealing_private_key(bytes(32)))
        assert frame == build_frame(join_chunks(ids, chunks), Compressor(context.level), texture)
    process.close()


def test_chunks_that_are_not_what_their_ids_say_are_refused_and_the_process_goes_on(process: SealingProcess) -> None:
    chunks = chunks_of(1, 5)

    with pytest.raises(VaultDamaged):
        process.seal(SegmentKind.DATA, 1, ids_of(chunks), [*chunks[:4], b"spoilt"])

    assert opened(process.seal(SegmentKind.DATA, 1, ids_of(chunks), list(chunks)).stored) == chunks


def test_a_process_that_dies_is_noticed(process: SealingProcess) -> None:
    os.kill(process._process.pid, signal.SIGKILL)
    chunks = chunks_of(1, 5)

    with pytest.raises(ProcessLost):
        process.seal(SegmentKind.DATA, 1, ids_of(chunks), list(chunks))


def test_what_lies_on_a_desk_is_not_held_here_too_and_comes_back_when_the_process_dies(process: SealingProcess) -> None:
    chunks = chunks_of(1, 300)
    laid = list(chunks)
    process.seal(SegmentKind.DATA, 1, ids_of(chunks), laid)
    assert laid == []

    os.kill(process.pid, signal.SIGSTOP)
    laid = list(chunks)
    with ThreadPoolExecutor(1) as threads:
        sealing = threads.submit(process.seal, SegmentKind.DATA, 2, ids_of(chunks), laid, 1)
        until = time.monotonic() + 60
        while laid and time.monotonic() < until:
            time.sleep(0.001)
        gone_while_it_is_sealed = not laid
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(ProcessLost):
            sealing.result(timeout=60)

    assert gone_while_it_is_sealed
    assert laid == chunks


def test_an_interrupt_from_the_terminal_does_not_reach_it(process: SealingProcess) -> None:
    assert os.getsid(process._process.pid) != os.getsid(0)


def test_closing_ends_the_process() -> None:
    process = SealingProcess(CONTEXT)

    process.close()

    assert process._process.exit_status == 0


def test_no_key_is_in_the_command_line_or_the_environment(process: SealingProcess) -> None:
    for place in ("cmdline", "environ"):
        with open(f"/proc/{process._process.pid}/{place}", "rb") as file:
            shown = file.read()
        for key in (KEYS.secret, KEYS.data_id_key, KEYS.tree_id_key, KEYS.table_key):
            assert key not in shown
            assert key.hex().encode() not in shown


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_pipeline, "PROCESSES_FROM", 0)
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)


def run_pipeline(pipeline: SealingPipeline, packs: list[FilledPack]) -> dict[int, list[bytes]]:
    wanted = {}
    for number in range(12):
        chunks = chunks_of(number, 20)
        wanted[number] = chunks
        pipeline.submit(FullSegment(SegmentKind.DATA, number, ids_of(chunks), list(chunks), sum(map(len, chunks))))
    pipeline.finish()
    found = {}
    for pack in packs:
        for row in pack.rows:
            found[row.number] = opened(pack.content[row.offset : row.offset + row.stored_length])
    assert found == wanted
    return found


def test_a_pipeline_with_processes_puts_every_segment_and_leaves_no_process(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs: list[FilledPack] = []
    pipeline = SealingPipeline(CONTEXT, packs.append)
    team = pipeline._team
    seal, started = SealingProcess.seal, set()

    def seal_and_note(self: SealingProcess, *words: object) -> object:
        started.add(self.pid)
        return seal(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(SealingProcess, "seal", seal_and_note)
    run_pipeline(pipeline, packs)

    assert 1 <= len(started) <= 2
    assert team.pids == []
    assert not any(os.path.exists(f"/proc/{pid}") for pid in started)


def test_a_lost_process_costs_no_segment(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = SealingProcess.seal
    calls = []

    def seal_and_lose(self: SealingProcess, *words: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            os.kill(self._process.pid, signal.SIGKILL)
        return seal(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(SealingProcess, "seal", seal_and_lose)
    packs: list[FilledPack] = []

    run_pipeline(SealingPipeline(CONTEXT, packs.append), packs)

    assert len(calls) >= 3


def test_where_no_process_can_be_started_the_threads_do_the_work(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def refuse(*_: object, **__: object) -> object:
        refused.append(1)
        raise OSError("no more processes")

    monkeypatch.setattr(own_processes, "_start", refuse)
    packs: list[FilledPack] = []

    assert len(run_pipeline(SealingPipeline(CONTEXT, packs.append), packs)) == 12
    assert 1 <= len(refused) <= 2, "each process is asked for once, then it is done without"


def test_a_session_that_is_abandoned_ends_its_processes(at_once: None) -> None:
    packs: list[FilledPack] = []
    pipeline = SealingPipeline(CONTEXT, packs.append)
    chunks = chunks_of(1, 20)
    pipeline.submit(FullSegment(SegmentKind.DATA, 1, ids_of(chunks), list(chunks), sum(map(len, chunks))))
    pipeline.abandon()

    assert pipeline._team.pids == []


def test_two_threads_have_one_process_seal_and_each_gets_its_own(process: SealingProcess) -> None:
    def seal_many(desk: int) -> list[bool]:
        results = []
        for number in range(desk, 40, 2):
            chunks = chunks_of(number, 1 + number * 7 % 60)
            sealed = process.seal(SegmentKind.DATA, number, ids_of(chunks), list(chunks), desk)
            results.append(opened(sealed.stored) == chunks)
        return results

    with ThreadPoolExecutor(2) as threads:
        assert all(all(each) for each in threads.map(seal_many, (0, 1)))


def test_a_process_that_dies_is_noticed_by_every_thread_that_waits_for_it(process: SealingProcess) -> None:
    def seal_until_lost(desk: int) -> bool:
        chunks = chunks_of(desk, 200)
        try:
            for number in range(10_000):
                process.seal(SegmentKind.DATA, number, ids_of(chunks), list(chunks), desk)
        except ProcessLost:
            return True
        return False

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(seal_until_lost, desk) for desk in (0, 1)]
        os.kill(process.pid, signal.SIGKILL)
        assert all(each.result(timeout=20) for each in waiting)


def test_the_interpreter_switches_sooner_until_the_last_of_two_sessions_is_over(at_once: None) -> None:
    before = sys.getswitchinterval()
    chunks = chunks_of(1, 5)
    first, second = (SealingTeam(CONTEXT, 1) for _ in range(2))
    for team in (first, second):
        assert team.seal(SegmentKind.DATA, 1, ids_of(chunks), list(chunks)) is not None

    first.close()
    while_one_works = sys.getswitchinterval()
    second.close()
    second.close()

    assert while_one_works < before
    assert sys.getswitchinterval() == before
