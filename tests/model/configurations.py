"""The worlds that are explored. Each is small enough to be explored whole."""

from dataclasses import replace

from tests.model.world import NONE, Configuration, Process, Store

from rebond.vault.protocol_rules import MarkFacts, MarkPurpose, SessionFacts

A = frozenset({"A"})
X_IN_TRASH = MarkFacts("f0", MarkPurpose.FORGET, frozenset({"X"}))


def writer(name: str, *, attempts: int = 1, twin: int | None = None) -> Process:
    return Process(kind="writer", name=name, attempts=attempts, twin=twin)


def keeper(name: str, *, twin: int | None = None) -> Process:
    return Process(kind="keeper", name=name, twin=twin)


def other(kind: str, name: str) -> Process:
    return Process(kind=kind, name=name)


def with_snapshot(*, packs: frozenset[str] = A, needs: str = "a", in_trash: bool = False, done: bool = True) -> Store:
    """A vault that holds snapshot X, which needs ``needs``."""
    return Store(
        packs=packs,
        commits=frozenset({("X", needs)}),
        sessions=frozenset({SessionFacts("X", NONE, is_done=done)}),
        marks=frozenset({X_IN_TRASH}) if in_trash else frozenset(),
        known=frozenset({"X"}),
    )


def with_two_in_trash(*, holds: frozenset[str] = NONE, others: frozenset[str] = NONE) -> Store:
    """A vault whose snapshots X, Y and ``others`` were forgotten by one mark."""
    names = frozenset({"X", "Y"}) | others
    return Store(
        packs=A,
        commits=frozenset((name, "a") for name in names),
        sessions=frozenset(SessionFacts(name, NONE, is_done=True) for name in names),
        marks=frozenset({MarkFacts("f0", MarkPurpose.FORGET, names)}),
        holds=holds,
    )


# Pack A holds what nobody needs any more; two writers find its chunk useful while two keepers collect it.
PRUNE = Configuration(
    name="two writers and two keepers",
    store=Store(packs=A),
    processes=(writer("W1"), writer("W2", twin=0), keeper("K1"), keeper("K2", twin=2)),
)

RETRY = Configuration(
    name="a voided writer begins again, twice",
    store=Store(packs=A),
    processes=(writer("W1", attempts=3), keeper("K1"), keeper("K2", twin=1)),
    withdrawals=True,
)

RESTART = Configuration(
    name="a writer crashes and its next run adopts what it finds",
    store=Store(packs=A),
    processes=(writer("W1", attempts=2), keeper("K1"), keeper("K2", twin=1)),
    restarts=True,
)

LATE = Configuration(
    name="a long session lists the marks again",
    store=Store(packs=A),
    processes=(writer("W1", attempts=2), keeper("K1"), keeper("K2", twin=1)),
    late_looks=True,
)

REPEAT = Configuration(
    name="puts have their effect and are repeated",
    store=Store(packs=NONE),
    processes=(writer("W1", attempts=2), keeper("K1"), keeper("K2", twin=1), other("sweeper", "S")),
    repeated_puts=True,
)

SWEEP = Configuration(
    name="the mark of a keeper that fell asleep",
    store=Store(packs=A),
    processes=(writer("W1"), writer("W2", twin=0), keeper("K1"), other("sweeper", "S")),
)

REPACK = Configuration(
    name="the same segment in two packs",
    store=with_snapshot(),
    processes=(writer("W1"), keeper("K1"), keeper("K2", twin=1), other("copier", "C")),
    duplicates=True,
)

FORGET = Configuration(
    name="forgotten twice, taken back, pruned",
    store=with_snapshot(in_trash=True)._replace(
        marks=frozenset({X_IN_TRASH, MarkFacts("f1", MarkPurpose.FORGET, frozenset({"X"}))})
    ),
    processes=(
        keeper("K1"),
        other("executor", "E1"),
        other("executor", "E2"),
        other("undeleter", "U"),
    ),
)

TRASH = Configuration(
    name="a writer refers to what lies in the trash",
    store=with_snapshot(in_trash=True),
    contents={"A": frozenset({"a"}), "Q": frozenset({"a"})},
    stale_index=("Q",),
    processes=(writer("W1", attempts=2), keeper("K1"), other("executor", "E"), other("undeleter", "U")),
)

SPARE = Configuration(
    name="two keepers and one mark, while the trash is emptied",
    store=with_snapshot(in_trash=True)._replace(
        marks=frozenset({X_IN_TRASH, MarkFacts("m0", MarkPurpose.DELETE, A)}), sessions=frozenset()
    ),
    processes=(writer("W1"), keeper("K1"), keeper("K2", twin=1), other("executor", "E")),
    new_marks=False,
)

HOLD = Configuration(
    name="held while somebody forgets",
    store=with_snapshot(),
    processes=(
        keeper("K1"),
        other("forgetter", "P"),
        other("executor", "E1"),
        other("executor", "E2"),
        other("holder", "H"),
        other("undeleter", "U"),
    ),
    judges_endings=True,
)

# One mark on two snapshots, of which one is held: whoever claims it deletes the one and lets the other live.
SHARED = Configuration(
    name="one mark on two snapshots, one of them held",
    store=with_two_in_trash(holds=frozenset({"X"})),
    processes=(
        other("executor", "E1"),
        other("executor", "E2"),
        Process(kind="holder", name="H", record="Y"),
        other("undeleter", "U"),
        other("sweeper", "S"),
    ),
    judges_endings=True,
)

BOTH = Configuration(
    name="two people take back two of three snapshots of one mark",
    store=with_two_in_trash(others=frozenset({"Z"})),
    processes=(
        other("executor", "E"),
        other("undeleter", "U"),
        Process(kind="undeleter", name="V", record="Y"),
        other("sweeper", "S"),
    ),
    unwanted=frozenset({"Z"}),
    judges_endings=True,
)

SLEEPER = Configuration(
    name="a snapshot is forgotten before its writer knows that it exists",
    store=Store(packs=A),
    processes=(
        writer("W1", attempts=2),
        keeper("K1"),
        other("forgetter", "P"),
        other("executor", "E"),
        other("journal cleaner", "J"),
    ),
    repeated_puts=True,
)

JOURNALS = Configuration(
    name="journals are cleared away",
    store=Store(packs=A),
    processes=(writer("W1", attempts=2), keeper("K1"), keeper("K2", twin=1), other("journal cleaner", "J")),
)

RUNS = Configuration(
    name="run records beside what is forgotten",
    store=with_snapshot(in_trash=True)._replace(
        marks=frozenset({X_IN_TRASH, MarkFacts("m0", MarkPurpose.DELETE, A), MarkFacts("m1", MarkPurpose.DELETE, A)})
    ),
    processes=(writer("W1"), keeper("K1"), keeper("K2", twin=1), other("executor", "E")),
    run_records=True,
    new_marks=False,
)

SHORT = Configuration(
    name="a listing that misses a snapshot",
    store=with_snapshot(),
    processes=(writer("W1"), keeper("K1")),
    run_records=True,
    short_listings=True,
)

LISTS = Configuration(
    name="index lists are rewritten",
    store=with_snapshot(packs=frozenset({"A", "B"}), needs="b")._replace(
        lists=frozenset({("L0", frozenset({"A", "B"}))})
    ),
    contents={"A": frozenset({"a"}), "B": frozenset({"b"})},
    processes=(writer("W1"), keeper("K1"), keeper("K2", twin=1)),
    index_lists=True,
)

_TRY_TWICE = (writer("W1", attempts=2), writer("W2", attempts=2, twin=0), keeper("K1"), keeper("K2", twin=2))
_THREE_KEEPERS = (writer("W1", attempts=2), keeper("K1"), keeper("K2", twin=1), keeper("K3", twin=2))
_CRASHES = (writer("W1", attempts=3), keeper("K1"), keeper("K2", twin=1), other("sweeper", "S"))
_TWO_WRITERS_REPACK = (writer("W1"), writer("W2", twin=0), keeper("K1"), keeper("K2", twin=2), other("copier", "C"))
_SLEEPERS = (*SLEEPER.processes, keeper("K2", twin=1))

# Explored by make test: every interleaving of each.
SMALL = (
    PRUNE,
    RETRY,
    RESTART,
    LATE,
    REPEAT,
    SWEEP,
    REPACK,
    FORGET,
    TRASH,
    SPARE,
    HOLD,
    SHARED,
    BOTH,
    SLEEPER,
    JOURNALS,
    RUNS,
    SHORT,
    LISTS,
)

# Explored by `python -m tests.model`: minutes each, up to some millions of states.
LARGE = (
    replace(PRUNE, name="two writers that try twice, two keepers", processes=_TRY_TWICE),
    replace(PRUNE, name="two writers, two keepers, late looks and marks taken back", late_looks=True, withdrawals=True),
    replace(PRUNE, name="one writer, three keepers", processes=_THREE_KEEPERS),
    replace(
        RESTART, name="crashes and repeated puts, two keepers and a sweeper", processes=_CRASHES, repeated_puts=True
    ),
    replace(REPACK, name="the same segment in two packs, two writers", processes=_TWO_WRITERS_REPACK),
    replace(SLEEPER, name="forgotten before its writer knows, two keepers", processes=_SLEEPERS),
    replace(SPARE, name="two keepers and any marks, while the trash is emptied", new_marks=True),
    replace(RUNS, name="run records and any marks", new_marks=True),
)

# Walked through at random by `make torture`: too large to be explored whole.
_CROWD = (
    writer("W1", attempts=3),
    writer("W2", attempts=2),
    writer("W3"),
    keeper("K1"),
    keeper("K2"),
    keeper("K3"),
    other("sweeper", "S"),
    other("journal cleaner", "J"),
)
_TRASH_CROWD = (
    writer("W1", attempts=2),
    writer("W2", attempts=2),
    keeper("K1"),
    keeper("K2"),
    keeper("K3"),
    other("executor", "E1"),
    other("executor", "E2"),
    other("undeleter", "U"),
    other("journal cleaner", "J"),
)
_HOLDERS = (
    other("executor", "E1"),
    other("executor", "E2"),
    other("executor", "E3"),
    other("holder", "H"),
    Process(kind="holder", name="I", record="Y"),
    other("undeleter", "U"),
    Process(kind="undeleter", name="V", record="Y"),
    Process(kind="undeleter", name="T", record="Z"),
    other("sweeper", "S1"),
    other("sweeper", "S2"),
    other("journal cleaner", "J"),
)
HUGE = (
    replace(PRUNE, name="three writers and three keepers", processes=_CROWD, late_looks=True, withdrawals=True),
    replace(RESTART, name="three writers that crash, three keepers", processes=_CROWD, repeated_puts=True),
    replace(TRASH, name="a crowd at the trash", processes=_TRASH_CROWD),
    replace(SPARE, name="a crowd, any marks, while the trash is emptied", processes=_TRASH_CROWD, new_marks=True),
    replace(RUNS, name="a crowd, run records and any marks", processes=_TRASH_CROWD, new_marks=True),
    replace(
        BOTH,
        name="a crowd that holds and takes back what one mark names",
        processes=_HOLDERS,
        unwanted=NONE,
    ),
    replace(
        BOTH,
        name="a crowd that also forgets again",
        processes=(*_HOLDERS, other("forgetter", "P")),
        unwanted=NONE,
    ),
)
