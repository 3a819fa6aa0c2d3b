"""Bringing a stack back on a bare machine, from nothing but its vault."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from rebond.cli.configuration.at_hand import from_anywhere
from rebond.cli.drills.proofs import describe_chosen
from rebond.cli.in_place.carrying_out import carry_out
from rebond.cli.in_place.choosing import choose_all
from rebond.cli.in_place.last_words import LastWords, say_last_words
from rebond.cli.in_place.left_in_engine import note_engine
from rebond.cli.in_place.runs import begin_run, require_no_open_run
from rebond.cli.in_place.saved_configuration import (
    load_stored,
    place_of,
    require_configuration_in,
    write_configuration,
)
from rebond.cli.in_place.shown import describe_plan, plan_document
from rebond.cli.in_place.sources import Sources
from rebond.cli.in_place.surroundings import look_around, name_run
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note, require_consent
from rebond.cli.output.observing import describe_finding, finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.recovery.databases import NamedServer, find_named_server, load_all, show_loading
from rebond.cli.recovery.left_out import Asked, Coming, refuse_all, tell_left_out
from rebond.cli.snapshots.choosing import choose_snapshot
from rebond.cli.turns.holding import stack_held
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.clock import SystemClock
from rebond.config.components import Component, Postgres
from rebond.config.model import Loaded
from rebond.errors import UnknownName, UsageError
from rebond.findings import Finding
from rebond.operations.recovery.carrying_out import Means
from rebond.operations.recovery.choosing import choose_records
from rebond.operations.recovery.plan import RecoveryPlan
from rebond.operations.restore_database import DatabaseWish
from rebond.operations.snapshots import list_snapshots, time_of
from rebond.stack.preconditions import list_missing
from rebond.stack.recovering import NothingComesBack, leave_out, plan_recovery
from rebond.stack.recovery_wishes import RecoveryWish
from rebond.stack.server_preconditions import list_unready_servers
from rebond.units import format_moment, parse_last_moment, pin_moment


def recover_stack(
    invocation: Invocation, url: str, target: Path | None, moment: str | None, wishes: Mapping[str, Any]
) -> int:
    """Fetch the configuration, show plan and preconditions, carry the plan out. Raises ``UsageError`` and others."""
    invocation.vault = url = from_anywhere(url)
    clock = SystemClock()
    with ExitStack() as held, watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        to = str(target.expanduser().absolute()) if target is not None else ""
        asked = _choose(invocation, vault, moment, wishes["stack"], to)
        note(invocation, describe_chosen(invocation, asked.record))
        stored = require_configuration_in(vault, asked.record)
        loaded = load_stored(invocation, vault, asked.record, stored, to=to)
        sources = Sources(invocation, loaded, vault, watcher, held.enter_context(ExitStack()))
        root = Path(to) if to else loaded.root
        path = place_of(root, next(iter(stored)))
        coming = Coming(
            loaded=loaded,
            asked=asked,
            url=url,
            root=root,
            path=path,
            into=wishes["into_server"],
            is_elsewhere=bool(to),
        )
        later = [name for name in asked.records if _comes_later(loaded.configuration.component.get(name), to)]
        wish = _wish(invocation, sources, coming, later, to, wishes)
        plan, means = _plan(invocation, vault, sources, coming, later, wish, is_dry=wishes["dry_run"])
        server = _find_server(invocation, loaded, asked, later, wishes)
        later = [name for name in later if server is None or name not in server.records]
        apart = [leave_out(str(each.values["component"]), each) for each in sources.left_out]
        plan, commands, inside = tell_left_out(plan, coming, later, vault)
        plan = replace(plan, left_out=(*plan.left_out, *apart))
        missing = _list_missing(coming, wish, plan, means)
        if not wishes["dry_run"]:
            _show(invocation, plan, missing)
        if server is not None:
            show_loading(invocation, vault.live, server, watcher)
        if wishes["dry_run"]:
            return _answer_dry(invocation, plan, missing)
        require_no_open_run(invocation, plan.stack, clock)
        require_consent(invocation, tr("Carry this plan out?"), is_given=wishes["yes"])
        held.enter_context(stack_held(invocation, waits=False, what="rebond recover", loaded=loaded))
        loading = {} if server is None else {name: coming.command_into(name) for name in server.records}
        commands |= loading
        words = LastWords(
            root=str(root),
            configuration=str(path),
            vault=vault.store.location,
            commands=commands,
            late=inside.after,
            copies=inside.copies,
        )
        journal = begin_run(invocation, loaded, wish, plan, clock, words, stored)
        note_engine(journal, loaded, is_changed=not to)
        status = carry_out(invocation, plan, means, journal, watcher, loaded)
        write_configuration(invocation, root, stored, journal)
        try:
            if server is not None and status in {GOOD, DOUBTFUL}:
                for name, found in load_all(invocation, vault.live, server, watcher):
                    status = max(status, found)
                    del commands[name]
        finally:  # what is not loaded yet is said, also when a load fails
            say_last_words(invocation, replace(words, commands=commands), journal)
    return status


def _find_server(
    invocation: Invocation, loaded: Loaded, asked: Asked, later: Sequence[str], wishes: Mapping[str, Any]
) -> NamedServer | None:
    """Return the server that takes the databases of dumps. Raises ``UsageError`` where none is to come by itself."""
    if wishes["into_server"] is None:
        return None
    components = loaded.configuration.component
    logical = [name for name in later if getattr(components.get(name), "method", "") != "physical"]
    if not logical:
        raise UsageError(
            "No database of dumps is left for --into-server.",
            hint="It goes with --to, and with a snapshot that holds one; without --to they come back in the same run.",
        )
    wish = DatabaseWish(keeps_owner=not wishes["no_owner"], jobs=wishes["jobs"])
    records = {name: asked.records[name] for name in logical}
    return find_named_server(invocation, loaded, wishes["into_server"], records, wish)


def _choose(invocation: Invocation, vault: VaultAtHand, moment: str | None, stack: str, to: str) -> Asked:
    """Return the newest whole set, or what each component was at a moment. Raises ``UnknownName``, ``UsageError``."""
    newest = choose_snapshot(vault, "latest", stack=stack)
    if moment is None or moment == "latest":
        return Asked(record=newest, records={each.name: newest for each in newest.catalog.components}, target="latest")
    loaded = load_stored(invocation, vault, newest, require_configuration_in(vault, newest), to=to)
    named, now_ms = loaded.configuration.stack.timezone, SystemClock().now_ms()
    zone = ZoneInfo(named) if named else None
    until_ms = parse_last_moment(moment, now_ms=now_ms, zone=zone)
    note(invocation, tr("As of {moment}.", moment=format_moment(until_ms)))
    records = choose_records(list_snapshots(vault.live), until_ms, stack=newest.catalog.stack)
    if not records:
        raise UnknownName(
            "There is no whole snapshot of this stack of that moment or earlier.",
            hint="'rebond snapshots' lists them with their times.",
        )
    target = pin_moment(moment, now_ms=now_ms, zone=zone)
    return Asked(record=max(records.values(), key=time_of), records=records, target=target)


def _wish(
    invocation: Invocation,
    sources: Sources,
    coming: Coming,
    later: Sequence[str],
    to: str,
    wishes: Mapping[str, Any],
) -> RecoveryWish:
    """Return what is brought back now: all but ``later``. Raises ``UsageError`` where nothing is."""
    now = {name: record for name, record in coming.asked.records.items() if name not in later}
    if later and not now:
        raise refuse_all((), coming, later)
    chosen = choose_all(invocation, coming.loaded, sources, now, coming.asked.target)
    return RecoveryWish(
        chosen=chosen,
        to=to,
        runs_commands=not to,
        is_bare=True,
        keeps_owner=not wishes["no_owner"],
        takes_other_cluster=wishes["other_cluster"],
        workers=wishes["jobs"],
    )


def _plan(
    invocation: Invocation,
    vault: VaultAtHand,
    sources: Sources,
    coming: Coming,
    later: Sequence[str],
    wish: RecoveryWish,
    *,
    is_dry: bool,
) -> tuple[RecoveryPlan, Means]:
    """Return the plan, and what carries it out. Raises ``UsageError`` where nothing comes back."""
    around = look_around(invocation, vault, coming.loaded, name_run(invocation), sources.by_component(wish))
    try:
        return plan_recovery(coming.loaded, wish, around, is_dry=is_dry)
    except NothingComesBack as error:
        raise refuse_all(error.left_out, coming, later) from error


def _comes_later(component: Component | None, to: str) -> bool:
    """Say whether a database comes by a command of its own.

    A data directory whose place is not on this machine does; and every one of a server where nothing is started.
    """
    if not isinstance(component, Postgres):
        return False
    if component.method == "physical":
        return component.data_directory is None
    return bool(to)


def _list_missing(coming: Coming, wish: RecoveryWish, plan: RecoveryPlan, means: Means) -> list[Finding]:
    places = [os.fsencode(each.place) for each in plan.parts if os.path.isabs(each.place)]
    found = list_missing(coming.loaded, places, runs_commands=wish.runs_commands)
    return [*found, *list_unready_servers(coming.loaded, plan.parts, vault=coming.url, means=means.parts)]


def _show(invocation: Invocation, plan: RecoveryPlan, missing: Sequence[Finding]) -> None:
    note(invocation, describe_plan(plan))
    if missing:
        note(invocation, "\n" + tr("What this machine lacks:"))
        for each in missing:
            note(invocation, describe_finding(each))
    else:
        note(invocation, tr("This machine has all that the plan needs."))


def _answer_dry(invocation: Invocation, plan: RecoveryPlan, missing: Sequence[Finding]) -> int:
    lines = [describe_plan(plan), ""]
    lines += [describe_finding(each) for each in missing] or [tr("This machine has all that the plan needs.")]
    document = {**plan_document(plan), "dry_run": True, "missing": [finding_document(each) for each in missing]}
    answer(invocation, document, "\n".join(lines))
    return GOOD
