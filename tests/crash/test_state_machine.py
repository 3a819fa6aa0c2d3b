"""Random walks through everything that several hosts and keepers do to one vault, with faults and clocks that jump.

After every step each listed snapshot restores byte for byte, and what must be listed is. The walks of
``make test`` are short; ``python -m tests.torture machine`` goes on for as long as it is given.
"""

import os
import pathlib
import tempfile
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.torture.vault_model import HOSTS, KEEPERS, Beginning, VaultModel, all_disturbances, cutting, failing

SECONDS = float(os.environ.get("REBOND_MACHINE_SECONDS", "0"))
hosts = st.sampled_from(HOSTS)
keepers = st.sampled_from(KEEPERS)
places = st.integers(0, 25)
numbers = st.integers(0, 1000)

BEGINNING: list[Beginning] = []


class VaultMachine(RuleBasedStateMachine):
    """The rules; the model holds the vault and the truth."""

    def __init__(self) -> None:
        super().__init__()
        if not BEGINNING:
            BEGINNING.append(Beginning.make())
        self.folder = tempfile.TemporaryDirectory(prefix="machine-")

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.model = VaultModel(BEGINNING[0], pathlib.Path(self.folder.name) / "caches", seed)

    def choose(self, number: int) -> str | None:
        names = sorted(self.model.standing)
        return names[number % len(names)] if names else None

    # -- the source

    @rule(host=hosts, path=st.integers(0, 5), content=numbers)
    def write(self, host: str, path: int, content: int) -> None:
        pool = self.model.pool
        self.model.trees[host].write(f"folder{path % 2}/file{path}", pool[content % len(pool)])

    @rule(host=hosts, number=numbers)
    def remove(self, host: str, number: int) -> None:
        tree = self.model.trees[host]
        files = sorted(path for path in tree.files if path != "always")
        if files:
            tree.remove(files[number % len(files)])

    # -- undisturbed verbs

    @rule(host=hosts)
    def back_up(self, host: str) -> None:
        self.model.back_up(host)

    @rule(who=keepers, number=numbers)
    def forget(self, who: str, number: int) -> None:
        name = self.choose(number)
        if name is not None:
            self.model.forget(who, name)

    @rule(who=keepers, number=numbers)
    def undelete(self, who: str, number: int) -> None:
        names = self.model.in_trash()
        if names:
            self.model.undelete(who, sorted(names)[number % len(names)])

    @rule(who=keepers, number=numbers)
    def hold(self, who: str, number: int) -> None:
        name = self.choose(number)
        if name is not None:
            self.model.hold(who, name)

    @precondition(lambda self: self.model.held)
    @rule(who=keepers, number=numbers)
    def release(self, who: str, number: int) -> None:
        held = sorted(self.model.held)
        self.model.release(who, held[number % len(held)])

    @rule(who=keepers)
    def prune(self, who: str) -> None:
        self.model.prune(who)

    @rule()
    def verify(self) -> None:
        self.model.verify()

    # -- disturbed ones

    @rule(host=hosts, at=places, after=st.booleans())
    def cut_a_backup(self, host: str, at: int, after: bool) -> None:
        self.model.back_up(host, cutting(at % 12, after=after))

    @rule(host=hosts, at=places, kind=st.sampled_from(list(all_disturbances())))
    def fail_a_backup(self, host: str, at: int, kind: str) -> None:
        self.model.back_up(host, failing(at % 12, kind))

    @rule(who=keepers, at=places, after=st.booleans())
    def cut_a_prune(self, who: str, at: int, after: bool) -> None:
        self.model.prune(who, cutting(at, after=after))

    @rule(who=keepers, at=places, kind=st.sampled_from(list(all_disturbances())))
    def fail_a_prune(self, who: str, at: int, kind: str) -> None:
        self.model.prune(who, failing(at, kind))

    @rule(who=keepers, number=numbers, at=st.integers(0, 3), after=st.booleans())
    def cut_a_forget(self, who: str, number: int, at: int, after: bool) -> None:
        name = self.choose(number)
        if name is not None:
            self.model.forget(who, name, cutting(at, after=after))

    @rule(who=keepers, number=numbers, at=st.integers(0, 3), after=st.booleans())
    def cut_an_undelete(self, who: str, number: int, at: int, after: bool) -> None:
        names = self.model.in_trash()
        if names:
            self.model.undelete(who, sorted(names)[number % len(names)], cutting(at, after=after))

    @precondition(lambda self: len(self.model.sleepers) < 2)
    @rule(host=hosts, after_calls=st.integers(0, 16))
    def fall_asleep(self, host: str, after_calls: int) -> None:
        self.model.fall_asleep(host, after_calls)

    @precondition(lambda self: self.model.sleepers)
    @rule(number=numbers)
    def wake(self, number: int) -> None:
        sleepers = self.model.sleepers
        self.model.wake(sleepers[number % len(sleepers)])

    # -- the world

    @rule(who=st.sampled_from([*HOSTS, "keeper"]))
    def lose_caches(self, who: str) -> None:
        if all(sleeper.host != who for sleeper in self.model.sleepers):
            self.model.lose_caches(who)

    @rule(hours=st.sampled_from([1, 30, 24 * 8]))
    def wait(self, hours: int) -> None:
        self.model.clock.advance(hours * 3600.0)

    @invariant()
    def everything_listed_restores(self) -> None:
        if hasattr(self, "model"):
            self.model.check()

    def teardown(self) -> None:
        try:
            if hasattr(self, "model"):
                self.model.settle()
        finally:
            self.folder.cleanup()


@pytest.mark.slow
def test_whatever_hosts_and_keepers_do_what_is_listed_restores() -> None:
    until = time.monotonic() + SECONDS
    is_over = False
    while not is_over:
        run_state_machine_as_test(
            VaultMachine,
            settings=settings(
                max_examples=10 if SECONDS else 6,
                stateful_step_count=50 if SECONDS else 20,
                deadline=None,
                derandomize=not SECONDS,
                suppress_health_check=list(HealthCheck),
                database=None,
                print_blob=True,
            ),
        )
        is_over = time.monotonic() >= until
