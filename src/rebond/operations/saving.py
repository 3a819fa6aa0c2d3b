"""Saving the components of one set in an order that fits: files before and after the moment of the databases."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from rebond.clock import Clock
from rebond.entries import Tree
from rebond.errors import SourceError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.components import ComponentToSave, Judged, Moment, WalNeed
from rebond.operations.kept_findings import KeptFindings
from rebond.operations.named_fields import FoundFields, prove_fields, say_unknown
from rebond.progress import Advance, Observer
from rebond.vault.writing import SavedComponent, SnapshotSession


@runtime_checkable
class Closeable(Protocol):
    """A tree that holds something open from its moment on, such as a snapshot of a database."""

    def close(self) -> None:
        """Give it back; may be called twice."""
        ...


ProveWal = Callable[[WalNeed, Callable[[Finding], None]], tuple[str, int, int] | None]
LONG_LOOK_SECONDS = 10.0
_UNREAD = frozenset({"unreadable", "unreadable-directory", "source-unreadable"})
_OF_THE_DISK = "/lost+found"  # root's alone on every new disk, and nobody's data
_PASSING = frozenset({"changed-while-read", "vanished", "replaced", "moved"})  # a second look may find it mended


class Collector:
    """Passes everything on and keeps the findings, by component.

    What a first look noticed waits for the second: what that does not notice again, and what it notices as well, is
    told once.
    """

    def __init__(self, observer: Observer, earlier: KeptFindings | None = None) -> None:
        """``earlier`` is what was found before, by hooks."""
        self._observer = observer
        self.component = ""
        self.kept = KeptFindings()
        for component, finding in earlier.items if earlier else ():
            self.kept.add(finding, component)
        self._waiting: dict[str, list[Finding]] = {}
        self._is_first_look = False

    def advanced(self, advance: Advance) -> None:
        """Pass it on."""
        self._observer.advanced(advance)

    def noticed(self, finding: Finding) -> None:
        """Keep a finding and pass it on, or let it wait."""
        if self._is_first_look:
            self._waiting.setdefault(self.component, []).append(finding)
            return
        self._tell(finding)

    @contextlib.contextmanager
    def looking(self, component: str, *, will_look_again: bool = False) -> Iterator[None]:
        """Take what is noticed meanwhile for a component's own."""
        self.component, self._is_first_look = component, will_look_again
        try:
            yield
        except SourceError:
            self._is_first_look = False
            self._tell_waiting(lambda _: True)
            raise
        finally:
            self._is_first_look = False
        if not will_look_again:
            self._tell_waiting(lambda finding: finding.code not in _PASSING)

    def has_noticed_unread(self, component: str) -> bool:
        """Say whether something of a component could not be read, told already or not."""
        told = (finding for name, finding in self.kept.items if name == component)
        noticed = (*told, *self._waiting.get(component, ()))
        return any(each.code in _UNREAD and not each.subject.endswith(_OF_THE_DISK) for each in noticed)

    def _tell_waiting(self, is_lasting: Callable[[Finding], bool]) -> None:
        waiting = self._waiting.pop(self.component, [])
        if not waiting:
            return
        told = {(each.code, each.subject) for name, each in self.kept.items if name == self.component}
        for finding in waiting:
            if is_lasting(finding) and (finding.code, finding.subject) not in told:
                told.add((finding.code, finding.subject))
                self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        self.kept.add(finding, self.component)
        self._observer.noticed(finding)


class SetSaver:
    """Saves the components of one session. ``moment_ms`` is when the last database was looked at, if one was.

    ``needs`` are what the snapshot needs of streams beside it.
    """

    def __init__(
        self,
        session: SnapshotSession,
        collector: Collector,
        clock: Clock,
        *,
        rereads_all: bool,
        allows_partial: bool,
        prove_wal: ProveWal,
    ) -> None:
        self._session = session
        self._prove_wal = prove_wal
        self.needs: list[tuple[str, int, int]] = []
        self._collector = collector
        self._clock = clock
        self._rereads_all = rereads_all
        self._allows_partial = allows_partial
        self._saved: dict[str, SavedComponent] = {}
        self._failed: dict[str, SavedComponent] = {}
        self._is_single = True
        self.moment_ms: int | None = None

    def save_all(self, components: Sequence[ComponentToSave]) -> list[SavedComponent]:
        """Return what came of each, in the order given. Raises ``SourceError`` unless a partial set is allowed."""
        self._is_single = len(components) == 1
        databases = [each for each in components if each.moment is not Moment.NONE]
        twice = [each for each in components if each.is_looked_at_twice and databases]
        once = [each for each in components if each not in databases and each not in twice]
        for each in once:
            self._attempt(each, lambda each=each: self._save_once(each))  # type: ignore[misc]
        self._look_first(twice)
        with contextlib.ExitStack() as open_trees:
            opened = self._take_moments(databases, open_trees)
            for each in twice:
                self._attempt(each, lambda each=each: self._look_again(each))  # type: ignore[misc]
            for each, tree in opened:
                self._attempt(each, lambda each=each, tree=tree: self._save_opened(each, tree))  # type: ignore[misc]
        self._prove_named_files(databases)
        for each in databases:
            self._attempt(each, lambda each=each: self._conclude(each))  # type: ignore[misc]
        return [_note_rules(self._failed.get(each.name) or self._saved[each.name], each) for each in components]

    def _look_first(self, components: Sequence[ComponentToSave]) -> None:
        """Save files before the moment. After a long look a short one follows at once.

        So little time is left between it and the moment: what comes then and is deleted before the second look, no
        look sees.
        """
        began = self._clock.monotonic()
        for each in components:
            self._attempt(each, lambda each=each: self._save_tree(each), will_look_again=True)  # type: ignore[misc]
        if self._clock.monotonic() - began > LONG_LOOK_SECONDS:
            for each in components:
                self._attempt(each, lambda each=each: self._join_look(each), will_look_again=True)  # type: ignore[misc]

    def _take_moments(
        self, databases: Sequence[ComponentToSave], open_trees: contextlib.ExitStack
    ) -> list[tuple[ComponentToSave, Tree]]:
        """Open those whose moment is then, and save the others; return the former, still to be read."""
        opened: list[tuple[ComponentToSave, Tree]] = []

        def open_at_once(component: ComponentToSave) -> None:
            tree = self._open(component)
            if isinstance(tree, Closeable):
                open_trees.callback(tree.close)
            opened.append((component, tree))

        for each in databases:
            if each.moment is Moment.WHEN_OPENED:
                self._attempt(each, lambda each=each: open_at_once(each))  # type: ignore[misc]
        for each in databases:
            if each.moment is Moment.WHEN_READ:
                self._attempt(each, lambda each=each: self._save_once(each))  # type: ignore[misc]
        if databases:
            self.moment_ms = self._clock.now_ms()
        return opened

    def _attempt(self, component: ComponentToSave, act: Callable[[], object], *, will_look_again: bool = False) -> None:
        """Do one step for a component that has not failed yet; leave it out when it does and a part is enough."""
        if component.name in self._failed:
            return
        try:
            with self._collector.looking(component.name, will_look_again=will_look_again):
                act()
        except SourceError as error:
            if not self._allows_partial and self._is_single:
                raise
            if not self._allows_partial:
                raise error.told_by(
                    "The component {component} stops the run, so there is no snapshot: {reason}",
                    component=component.name,
                    reason=error,
                ) from error
            self._collector.noticed(_left_out(component.name, error))
            self._failed[component.name] = self._session.leave_out(component.name, component.kind, component.root)

    def _open(self, component: ComponentToSave) -> Tree:
        return component.open_tree(self._collector.noticed)

    def _save_once(self, component: ComponentToSave) -> None:
        self._save_tree(component)
        self._judge(component)

    def _save_opened(self, component: ComponentToSave, tree: Tree) -> None:
        self._save_tree(component, tree)
        self._judge(component)

    def _save_tree(self, component: ComponentToSave, tree: Tree | None = None) -> None:
        self._saved[component.name] = self._session.save_tree(
            component.name, component.kind, component.root, tree or self._open(component), reread=self._rereads_all
        )

    def _join_look(self, component: ComponentToSave) -> None:
        saved = self._saved[component.name]
        self._saved[component.name] = self._session.look_again(saved, self._open(component))

    def _look_again(self, component: ComponentToSave) -> None:
        self._join_look(component)
        self._judge(component)

    def _judge(self, component: ComponentToSave) -> None:
        name, session = component.name, self._session
        if not self._saved[name].totals.files and self._collector.has_noticed_unread(name):
            raise _nothing_read(name)
        if component.judge is None:
            return
        judged = Judged(
            totals=self._saved[name].totals,
            now_ms=self._clock.now_ms(),
            before=session.find_earlier(name, component.compared_with) if component.compared_with else None,
            find_newest_ns=lambda: session.find_newest_ns(name),
        )
        component.judge(judged, self._collector.noticed)

    def _conclude(self, component: ComponentToSave) -> None:
        """Take what a component says of itself, and prove that the vault has the log that it needs."""
        if component.conclude is None:
            return
        conclusion = component.conclude(self._collector.noticed)
        needs = [self._prove_wal(each, self._collector.noticed) for each in conclusion.needs]
        self.needs += [each for each in needs if each is not None]
        saved = self._saved[component.name]
        self._saved[component.name] = replace(
            saved,
            summary=msgspec.structs.replace(
                saved.summary,
                complete=None not in needs,
                degraded=saved.summary.degraded or conclusion.is_degraded,
            ),
            private=msgspec.structs.replace(saved.private, facts=dict(conclusion.facts)),
        )

    def _prove_named_files(self, databases: Sequence[ComponentToSave]) -> None:
        """Look up every file that a database names; a component that lacks one is degraded."""
        for database in databases:
            if database.name in self._failed:
                continue
            for name, paths in database.named_files().items() if database.named_files else ():
                if self._is_saved(name):
                    with self._collector.looking(name):
                        self._prove_in(name, sorted(paths), database)
            if database.find_fields is not None:
                found = database.find_fields()
                with contextlib.closing(found):
                    self._prove_fields(database, found)

    def _is_saved(self, name: str) -> bool:
        return name in self._saved and name not in self._failed

    def _prove_fields(self, database: ComponentToSave, found: FoundFields) -> None:
        """Look up what columns name that were found, not configured; what a query told already is told once."""
        here = [each for each in found.places if self._is_saved(each.component)]
        if not found.fields or not here:
            return
        proof = prove_fields(
            database.name, found.fields, here, self._session.find_missing, beside_ms=database.beside_ms()
        )
        told = {(name, each.code, each.subject) for name, each in self._collector.kept.items}
        for name, finding in proof.findings:
            with self._collector.looking(name):
                if (name, finding.code, finding.subject) not in told:
                    self._collector.noticed(finding)
        for name in proof.degraded:
            self._mark_degraded(name)

    def _prove_in(self, name: str, paths: Sequence[bytes], database: ComponentToSave) -> None:
        missing = self._session.find_missing(name, paths)
        if missing is None:
            self._collector.noticed(say_unknown(name, database.name))
        for path in sorted(missing or ()):
            self._collector.noticed(_file_missing(name, path, database))
        if missing is None or missing:
            self._mark_degraded(name)

    def _mark_degraded(self, name: str) -> None:
        saved = self._saved[name]
        self._saved[name] = replace(saved, summary=msgspec.structs.replace(saved.summary, degraded=True))


def _nothing_read(component: str) -> SourceUnfit:
    """A set that holds nothing of a component would be the newest to be restored, and hide the last good one."""
    return SourceUnfit(
        "Of {component} no file could be read, so nothing of it is saved.",
        hint="What is listed above says why: mostly the user of the backup lacks the right to read. Grant it.",
        component=component,
    )


def _note_rules(saved: SavedComponent, component: ComponentToSave) -> SavedComponent:
    if component.rules is None:
        return saved
    return replace(saved, private=msgspec.structs.replace(saved.private, rules=component.rules))


def _left_out(component: str, error: SourceError) -> Finding:
    return Finding(
        code=error.code,
        severity=Severity.WARNING,
        subject=component,
        template="The component {component} is not in this snapshot: {reason}",
        hint_template=error.hint_template,
        values={**error.values, "component": component, "reason": error},
    )


def _file_missing(component: str, path: bytes, database: ComponentToSave) -> Finding:
    beside_ms = database.beside_ms()
    return Finding(
        code="named-file-missing",
        severity=Severity.WARNING,
        subject=path.decode(errors="surrogateescape"),
        template="{path} was named by {database} at its moment or within {beside_ms} ms of it, and the component "
        "{component} does not hold it."
        if beside_ms
        else "{path} is named by {database}, and the component {component} does not hold it.",
        hint_template="If it is gone from the application too, correct the row or leave it out of the query; "
        "else run the backup again.",
        values={
            "path": path.decode(errors="backslashreplace"),
            "database": database.name,
            "component": component,
            **({"beside_ms": beside_ms} if beside_ms else {}),
        },
    )
