"""What follows a restore in place: going on with one that was cut, rolling back, accepting."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from rebond.cli.configuration.at_hand import find_stack
from rebond.cli.in_place.carrying_out import Gathering, RunInterrupted, carry_out
from rebond.cli.in_place.last_words import say_last_words
from rebond.cli.in_place.left_in_engine import find_left, say_left
from rebond.cli.in_place.other_servers import find_moved, settle_servers
from rebond.cli.in_place.runs import BegunRun, load_run, read_kept_configuration, require_newest, restores_of
from rebond.cli.in_place.saved_configuration import take_configuration_back, write_configuration
from rebond.cli.in_place.sources import sources_of
from rebond.cli.in_place.surroundings import list_untouchable
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, require_consent, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.turns.holding import stack_held
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.errors import Refused, RestoreError, UsageError
from rebond.operations.recovery.carrying_out import Means, Recovery
from rebond.operations.recovery.journal import Journal, RunState
from rebond.operations.recovery.known_runs import find_run, require_state
from rebond.operations.recovery.left_behind import require_sound_notes
from rebond.operations.recovery.moved_servers import Moved, is_left_by
from rebond.operations.recovery.parts import NeedsServer
from rebond.operations.recovery.plan import StepKind
from rebond.stack.engine_traces import Traces
from rebond.stack.recovering import make_means
from rebond.stack.recovery_wishes import Surroundings
from rebond.units import format_moment


def resume(invocation: Invocation, text: str) -> int:
    """Go on with a restore that was cut. Raises ``UnknownName`` and ``Refused``."""
    clock = SystemClock()
    journal = find_run(restores_of(invocation), text, clock, stack=find_stack(invocation))
    if journal.state is RunState.KEPT:
        _finish_bare(invocation, journal, load_run(invocation, journal))  # it may have been cut after the last step
    require_state(journal, RunState.UNFINISHED)
    begun = load_run(invocation, journal)
    require_sound_notes(journal)
    with ExitStack() as held, watching(invocation) as watcher:
        around = Surroundings(run=journal.run, folder_of=journal.folder_of)
        if any(not journal.has_ended(each.number) for each in begun.plan.steps if each.kind in _NEED_THE_VAULT):
            vault = held.enter_context(vault_at_hand(_with_vault(invocation, journal), watcher.noticed))
            sources = held.enter_context(sources_of(invocation, begun.loaded, vault, watcher))
            around = Surroundings(
                run=journal.run,
                folder_of=journal.folder_of,
                sources=sources.by_component(begun.wish),
                untouchable=list_untouchable(invocation, vault.store.location),
            )
        means = make_means(begun.loaded, begun.wish, around, begun.plan.parts)
        settle_servers(find_moved(invocation, journal, begun, means), journal.run, way="resume", observer=watcher)
        held.enter_context(stack_held(invocation, waits=False, what="rebond restore", loaded=begun.loaded))
        status = carry_out(invocation, begun.plan, means, journal, watcher, begun.loaded)
        _finish_bare(invocation, journal, begun)
        return status


def _root_of(begun: BegunRun) -> Path:
    return Path(begun.wish.to) if begun.wish.to else begun.loaded.root


def _finish_bare(invocation: Invocation, journal: Journal, begun: BegunRun) -> None:
    """Put the configuration beside a stack that came back on a bare machine, unless something lies there.

    Then say what ``rebond recover`` itself would have said at its end.
    """
    if begun.wish.is_bare:
        root = _root_of(begun)
        write_configuration(invocation, root, read_kept_configuration(journal), journal)
        if begun.words is not None:
            say_last_words(invocation, begun.words, journal)


_MAY_HAVE_LAID = frozenset({RunState.KEPT, RunState.ROLLING_BACK})
_NEED_THE_VAULT = frozenset({StepKind.VERIFY, StepKind.FETCH})


def _with_vault(invocation: Invocation, journal: Journal) -> Invocation:
    """Let the vault be the one that the run began with, where the command line named it."""
    if invocation.vault is None and (named := journal.read_plan().get("vault")):
        invocation.vault = str(named)
    return invocation


class _BegunRestore(Struct, frozen=True, kw_only=True):
    """A restore in place that is to be rolled back or accepted. ``problems`` gathers what is found on the way."""

    journal: Journal
    begun: BegunRun
    means: Means
    recovery: Recovery
    problems: Gathering
    moved: Sequence[Moved] = ()

    def settle(self, way: str, lost: Sequence[str]) -> None:
        """See that ``lost`` is lost, and where all else is to be done. Raises ``UsageError`` and ``Refused``."""
        _require_lost(self.means, lost, [each.part.name for each in self.moved if is_left_by(each)] if lost else [])
        settle_servers(self.moved, self.journal.run, way=way, lost=lost, observer=self.problems)

    def names_but(self, lost: Sequence[str]) -> str:
        """Return its components in words, without those that are lost with their server."""
        return ", ".join(each for each in self.means.parts if each not in lost)


@contextmanager
def _restore_at_hand(invocation: Invocation, text: str) -> Iterator[_BegunRestore]:
    """Find a restore by a part of its id. Raises ``UnknownName``, and ``RestoreError`` for a record that is spoilt."""
    clock = SystemClock()
    journal = find_run(restores_of(invocation), text, clock, stack=find_stack(invocation))
    begun = load_run(invocation, journal)
    require_sound_notes(journal)
    with watching(invocation) as watcher:
        around = Surroundings(run=journal.run, folder_of=journal.folder_of)
        means = make_means(begun.loaded, begun.wish, around, begun.plan.parts)
        problems = Gathering(watcher)
        recovery = Recovery(begun.plan, means, journal, problems, clock)
        moved = find_moved(invocation, journal, begun, means)
        yield _BegunRestore(
            journal=journal, begun=begun, means=means, recovery=recovery, problems=problems, moved=moved
        )


def _answer_end(invocation: Invocation, found: _BegunRestore, said: str) -> int:
    problems = found.problems.problems()
    document = {
        "run": found.journal.run,
        "state": found.journal.state.value,
        "parts": list(found.means.parts),
        "problems": [finding_document(each) for each in problems],
    }
    answer(invocation, document, with_problems(invocation, said, problems))
    return DOUBTFUL if problems else GOOD


def roll_back(
    invocation: Invocation, text: str, *, is_confirmed: bool, keeps_newer: bool, lost: Sequence[str] = ()
) -> int:
    """Put the old version back, but for components that are ``lost`` with their server.

    Raises ``Refused`` when somebody wrote since, unless that is wished for too.
    """
    with _restore_at_hand(invocation, text) as found:
        journal, begun = found.journal, found.begun
        require_newest(invocation, journal, SystemClock())
        found.settle("rollback", lost)
        if journal.state is RunState.KEPT:
            _require_second_word(journal, found.recovery, found.means, lost, keeps_newer=keeps_newer)
        names = found.names_but(lost)
        question = tr("Put the old version of {components} back?", components=names)
        require_consent(invocation, question, is_given=is_confirmed)
        is_bare = begun.wish.is_bare and not begun.wish.to
        made, engine = find_left(journal, begun.loaded) if is_bare else (Traces(), "")
        with stack_held(invocation, waits=False, what="rebond restore", loaded=begun.loaded), journal.held():
            try:
                if begun.wish.is_bare and journal.state in _MAY_HAVE_LAID:
                    take_configuration_back(_root_of(begun), read_kept_configuration(journal), journal)
                found.recovery.roll_back(lost)
            except KeyboardInterrupt:
                raise RunInterrupted.saying(
                    RestoreError(
                        "Interrupted while the restore {run} was rolled back.",
                        hint="Go on with: rebond restore --rollback {run}",
                        run=journal.run,
                    )
                ) from None
    said = tr(
        "The restore {run} was rolled back: {components} are as they were before it.", run=journal.run, components=names
    )
    status = _answer_end(invocation, found, said)
    say_left(invocation, made, engine)
    return status


def _require_lost(means: Means, lost: Sequence[str], left: Sequence[str]) -> None:
    """Raise ``UsageError`` for what lies in no server of the plan, ``Refused`` where that server answers.

    Of what is ``left`` the configuration names another server by now, which has nothing of the run.
    """
    in_servers = {name: each for name, each in means.parts.items() if isinstance(each, NeedsServer)}
    for name in lost:
        if name not in in_servers:
            raise UsageError(
                "{component} is no component of this restore that lies in a server.",
                hint="--without leaves out one whose server is lost for good: {known}."
                if in_servers
                else "Leave --without out.",
                component=name,
                known=", ".join(in_servers),
            )
        if name not in left and in_servers[name].answers():
            raise Refused(
                "The server of {component} answers, so nothing of it is lost.",
                hint="Leave --without out.",
                component=name,
            )


def _require_second_word(
    journal: Journal, recovery: Recovery, means: Means, lost: Sequence[str], *, keeps_newer: bool
) -> None:
    written = recovery.find_written(lost)
    if not written or keeps_newer:
        return
    for name in written:
        part = means.parts[name]
        if isinstance(part, NeedsServer) and not part.answers():
            raise Refused(
                "The server of {component} does not answer, so nobody knows whether somebody wrote to it since the "
                "restore {run}.",
                hint="Start it, then run the same command again.\n  → Where that server is lost for good, leave it "
                "out: rebond restore --rollback {run} --without {component}",
                component=name,
                run=journal.run,
            )
    since = format_moment(journal.ended_ms)
    raise Refused(
        "Since the restore {run} ended ({since}), somebody wrote to {components}. Rolling back takes that away too.",
        hint="If that is meant, say so with a second word: rebond restore --rollback {run} --set-newer-aside",
        run=journal.run,
        since=since,
        components=", ".join(written),
    )


def accept(invocation: Invocation, text: str, *, is_confirmed: bool, lost: Sequence[str] = ()) -> int:
    """Delete the old version of a restore, but what is ``lost`` with its server.

    Raises ``Refused`` for one that is not finished.
    """
    with _restore_at_hand(invocation, text) as found:
        found.settle("accept", lost)
        names = found.names_but(lost)
        if found.journal.state is RunState.KEPT:
            question = tr("Delete the old version of {components}? It cannot be brought back then.", components=names)
            require_consent(invocation, question, is_given=is_confirmed)
        with found.journal.held():
            found.recovery.accept(lost)
    said = tr(
        "The restore {run} is accepted: the old version of {components} is deleted.",
        run=found.journal.run,
        components=names,
    )
    return _answer_end(invocation, found, said)
