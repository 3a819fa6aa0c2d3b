"""The answers that looking gives, checklist by checklist."""

from collections.abc import Mapping

from rebond.operations.snapshots import AHEAD_MS
from rebond.pages.words import Code, Joined, say
from rebond.runbook.describing import describe_role, show_span
from rebond.runbook.facts import DrillFacts, RunFacts
from rebond.runbook.observing import (
    DAY_MS,
    GOOD_STATUSES,
    LATE_MS,
    UNKNOWN,
    Look,
    Seen,
    Sight,
    judge_advice,
    judge_room,
)
from rebond.units import format_moment, format_size

_WEEK_MS = 7 * DAY_MS
_MONTH_MS = 31 * DAY_MS
_SHRINK = 0.2  # how much smaller the newest snapshot may be than the one before
_LEAST_MEMORY = 0.1
_BUSY = 1.5  # waiting programs for each processor


def look(checklist: str, code: str, sight: Sight) -> Seen:
    """Return what was seen of a question; nothing where only people can tell."""
    answer = LOOKS[checklist].get(code)
    return answer(sight) if answer else UNKNOWN


def _answer_services(sight: Sight) -> Seen:
    """Nobody was asked inside containers while what leads into them is missing: that is no tick."""
    seen = judge_advice(sight, "services")
    missing = sight.advice.get("tools", ())
    leads_inside = any(each.inside or each.volume is not None for each in sight.configuration.component.values())
    if seen.is_ticked and missing and leads_inside:
        return Seen(is_ticked=None, note=say("could not be asked: {reason}", reason=missing[0]))
    return seen


def _is_idle(sight: Sight) -> Seen:
    return Seen(is_ticked=not sight.holder, note=say("{what} runs", what=sight.holder) if sight.holder else "")


def _is_outside_windows(sight: Sight) -> Seen:
    if sight.pause:
        return Seen(is_ticked=False, note=say("paused: “{reason}”", reason=sight.pause))
    if sight.window_ends_ms is not None:
        return Seen(is_ticked=False, note=say("a window until {moment}", moment=_moment(sight, sight.window_ends_ms)))
    return Seen(is_ticked=True)


def _is_version_recorded(sight: Sight) -> Seen:
    if sight.recorded_ms is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond doctor --record")))
    note = say("on {moment}", moment=_moment(sight, sight.recorded_ms))
    if sight.now_ms - sight.recorded_ms <= DAY_MS:
        return Seen(is_ticked=True, note=note)
    again = say("run {command}", command=Code("rebond doctor --record"))
    return Seen(is_ticked=False, note=Joined((note, again), "; "))


def _stops_others(sight: Sight) -> Seen:
    if sight.configuration.hooks and sight.configuration.hooks.before:
        return Seen(is_ticked=True, note=say("the hooks of the configuration do it"))
    return UNKNOWN


def _is_running(sight: Sight) -> Seen:
    if sight.running:
        return Seen(is_ticked=True, note=", ".join(sight.running))
    return Seen(is_ticked=False, note=say("nothing runs"))


def _log_is_clean(sight: Sight) -> Seen:
    if sight.log_errors is None:
        return UNKNOWN
    return Seen(is_ticked=sight.log_errors == 0, note=say("{count} errors", count=sight.log_errors))


def _keeps_up(sight: Sight) -> Seen:
    note = say("load {load} on {count} processors", load=f"{sight.load:.1f}", count=sight.processors)
    return Seen(is_ticked=sight.load <= _BUSY * sight.processors, note=note)


def _has_memory(sight: Sight) -> Seen:
    if sight.memory_share is None:
        return UNKNOWN
    return Seen(
        is_ticked=sight.memory_share >= _LEAST_MEMORY, note=say("{share} % free", share=round(100 * sight.memory_share))
    )


def _newest_backup(sight: Sight) -> RunFacts | None:
    return next((each for each in reversed(sight.history.runs) if each.kind == "backup"), None)


def _ended_well(sight: Sight) -> Seen:
    run = _newest_backup(sight)
    if run is None:
        return Seen(is_ticked=False, note=say("there was none"))
    note = say("exit status {status} on {moment}", status=run.status, moment=_moment(sight, run.began_ms))
    return Seen(is_ticked=run.status in GOOD_STATUSES, note=note)


def _is_young(sight: Sight) -> Seen:
    run = sight.history.newest_good("backup")
    if run is None:
        return Seen(is_ticked=False, note=say("there was none"))
    if run.began_ms > sight.now_ms + AHEAD_MS:
        ahead = say("dated {moment}, ahead of the clock", moment=_moment(sight, run.began_ms))
        return Seen(is_ticked=False, note=ahead)
    note = say("{span} old", span=show_span(max(0, sight.now_ms - run.began_ms) // 1000))
    if sight.due_ms is None:  # no class has hours: the guides' own measure is a day
        return Seen(is_ticked=sight.now_ms - run.began_ms <= DAY_MS, note=note)
    return Seen(is_ticked=sight.now_ms <= sight.due_ms + LATE_MS, note=note)


def _is_whole(sight: Sight) -> Seen:
    if not sight.vault.snapshots:
        if sight.vault.obstacle:
            return Seen(is_ticked=None, note=sight.vault.obstacle)
        return Seen(is_ticked=False, note=say("there was none"))
    newest = sight.vault.snapshots[-1]
    note = say("{id} of {moment}", id=Code(newest.id), moment=_moment(sight, newest.time_ms))
    return Seen(is_ticked=newest.is_whole, note=note)


def _has_likely_size(sight: Sight) -> Seen:
    whole = [each for each in sight.vault.snapshots if each.is_whole]
    if not whole:
        return Seen(is_ticked=None, note=sight.vault.obstacle)
    newest = whole[-1]
    before = next((each for each in reversed(whole[:-1]) if each.class_name == newest.class_name), None)
    if before is None:
        return Seen(is_ticked=None, note=format_size(newest.bytes))
    note = say("{size}, and {before} before", size=format_size(newest.bytes), before=format_size(before.bytes))
    return Seen(is_ticked=newest.bytes >= (1 - _SHRINK) * before.bytes, note=note)


def _is_verified_since(sight: Sight) -> Seen:
    backup, verify = sight.history.newest_good("backup"), sight.history.newest_reading()
    if verify is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond verify --read-data")))
    note = say("on {moment}", moment=_moment(sight, verify.began_ms))
    return Seen(is_ticked=backup is None or verify.began_ms >= backup.began_ms, note=note)


def _is_private(sight: Sight) -> Seen:
    if not sight.vault_folders:
        return UNKNOWN
    open_ones = [each for each in sight.vault_folders if each.mode & 0o077]
    shown = (open_ones or list(sight.vault_folders))[0]
    return Seen(is_ticked=not open_ones, note=say("{path}: {mode}", path=shown.path, mode=f"{shown.mode & 0o777:o}"))


def _is_recorded(sight: Sight) -> Seen:
    run = _newest_backup(sight)
    return Seen(is_ticked=run is not None, note=say("in the ledger") if run else say("there was none"))


def _drill_of_newest(sight: Sight) -> Seen:
    drill, newest = sight.history.newest_proof(), sight.vault.newest_whole
    if drill is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond drill")))
    if newest is None:
        return Seen(is_ticked=None, note=_describe_drill(sight, drill))
    if drill.snapshot != newest.id:
        moment = _moment(sight, drill.began_ms)
        other = say("on {moment}, of {snapshot}, which is not the newest", moment=moment, snapshot=Code(drill.snapshot))
        return Seen(is_ticked=False, note=other)
    return Seen(is_ticked=drill.verdict == "pass", note=_describe_drill(sight, drill))


def _runs_unattended(sight: Sight) -> Seen:
    if sight.configuration.schedule is None and sight.unattended_ms is None:
        return Seen(is_ticked=False, note=say("the configuration has no [schedule]"))
    if sight.unattended_ms is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond schedule install")))
    note = say("the last on {moment}", moment=_moment(sight, sight.unattended_ms))
    is_late = sight.due_ms is not None and sight.now_ms > sight.due_ms + LATE_MS
    return Seen(is_ticked=not is_late, note=note)


def _none_failed(sight: Sight) -> Seen:
    since = [each for each in sight.history.runs if each.began_ms >= sight.now_ms - _WEEK_MS]
    failed = [each for each in since if each.status not in {0, 3, 130}]
    if not failed:
        return Seen(is_ticked=True, note=say("{count} runs", count=len(since)))
    last = failed[-1]
    note = say(
        "{count} failed, the last {kind} with exit status {status}",
        count=len(failed),
        kind=last.kind,
        status=last.status,
    )
    return Seen(is_ticked=False, note=note)


def _verified_lately(sight: Sight) -> Seen:
    verify = sight.history.newest_reading()
    if verify is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond verify --read-data")))
    note = say("on {moment}", moment=_moment(sight, verify.began_ms))
    return Seen(is_ticked=sight.now_ms - verify.began_ms <= _WEEK_MS, note=note)


def _drilled_lately(sight: Sight) -> Seen:
    drill = sight.history.newest_proof()
    if drill is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond drill")))
    is_good = drill.verdict == "pass" and sight.now_ms - drill.began_ms <= _MONTH_MS
    return Seen(is_ticked=is_good, note=_describe_drill(sight, drill))


def _objectives_hold(sight: Sight) -> Seen:
    missed, measured = list(sight.missed or ()), 0
    for name, component in sight.configuration.component.items():
        drill = sight.history.newest_measure_of(name)
        if component.rto is None or drill is None:
            continue
        measured += 1
        if drill.parts[name].seconds > component.rto:
            missed.append(name)
    for name, objective in sight.configuration.objective.items():
        drill = sight.history.newest_measure(name)
        if objective.rto is None or drill is None or drill.rto_seconds is None:
            continue
        measured += 1
        if drill.rto_seconds > objective.rto:
            missed.append(name)
    if missed:
        return Seen(is_ticked=False, note=say("missed: {names}", names=", ".join(dict.fromkeys(missed))))
    if not measured:
        return Seen(is_ticked=None, note=say("not measured yet: run {command}", command=Code("rebond drill")))
    return Seen(is_ticked=True, note=say("{count} measured", count=measured))


def _let_go(sight: Sight) -> Seen:
    forget, prune = sight.history.newest_good("forget"), sight.history.newest_good("prune")
    runs = [each for each in (forget, prune) if each is not None]
    if not runs:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond forget --prune")))
    newest = max(each.began_ms for each in runs)
    return Seen(is_ticked=sight.now_ms - newest <= _MONTH_MS, note=say("on {moment}", moment=_moment(sight, newest)))


def _ledger_is_whole(sight: Sight) -> Seen:
    if sight.ledger_faults is None:
        return UNKNOWN
    note = say("{count} findings: {command}", count=sight.ledger_faults, command=Code("rebond history --check"))
    return Seen(is_ticked=sight.ledger_faults == 0, note=note if sight.ledger_faults else "")


def _has_three_copies(sight: Sight) -> Seen:
    note = say(
        "{copies} vaults besides the stack, {media} media and {sites} sites named",
        copies=sight.copies,
        media=sight.media,
        sites=sight.sites,
    )
    return Seen(is_ticked=sight.copies >= 2 and sight.media >= 2 and sight.sites >= 2, note=note)


def _lists_holders(sight: Sight) -> Seen:
    valid = [each for each in sight.vault.holders if each.revoked_ms is None]
    if not valid:
        return UNKNOWN
    names = Joined(
        tuple(say("{name} ({role})", name=each.label or each.id, role=describe_role(each.role)) for each in valid)
    )
    return Seen(
        is_ticked=None, note=say("{names}; {count} ways to open it", names=names, count=len(sight.vault.openers))
    )


def _kit_was_printed(sight: Sight) -> Seen:
    kinds = ("kit", "vault create", "init")
    run = next((each for each in reversed(sight.history.runs) if each.kind in kinds and each.status == 0), None)
    return Seen(is_ticked=None, note=say("made on {moment}", moment=_moment(sight, run.began_ms)) if run else "")


def _nothing_to_mend(sight: Sight) -> Seen:
    return judge_advice(sight, *sight.advice)


def _runbook_is_young(sight: Sight) -> Seen:
    if sight.runbook_ms is None:
        return Seen(is_ticked=False, note=say("never: run {command}", command=Code("rebond runbook --output runbook")))
    note = say("of {moment}", moment=_moment(sight, sight.runbook_ms))
    return Seen(is_ticked=None if sight.now_ms - sight.runbook_ms <= _MONTH_MS else False, note=note)


def _has_contacts(sight: Sight) -> Seen:
    contacts = sight.configuration.contact
    if not contacts:
        return Seen(is_ticked=False, note=say("the configuration names nobody"))
    return Seen(
        is_ticked=None, note=Joined(tuple(say("{word}: {text}", word=each.role, text=each.to) for each in contacts))
    )


def _notices_are_sent(sight: Sight) -> Seen:
    if not sight.sends_notices:
        return Seen(is_ticked=False, note=say("this version sends no notices yet"))
    if sight.configuration.notify is None:
        return Seen(is_ticked=False, note=say("the configuration has no [notify]"))
    return UNKNOWN


def _describe_drill(sight: Sight, drill: DrillFacts) -> Joined:
    verdicts = {"pass": say("proved"), "partial": say("proved in part"), "fail": say("the proof failed")}
    return Joined(
        (say("on {moment}", moment=_moment(sight, drill.began_ms)), verdicts.get(drill.verdict, drill.verdict))
    )


def _moment(sight: Sight, moment_ms: int) -> str:
    return format_moment(moment_ms, sight.zone)


def _by(*checks: str) -> Look:
    return lambda sight: judge_advice(sight, *checks)


LOOKS: Mapping[str, Mapping[str, Look]] = {
    "before": {
        "configuration": _by("configuration"),
        "services": _answer_services,
        "programs": _by("tools"),
        "vault": _by("vault"),
        "room": _by("room"),
        "rights": _by("permissions", "rights"),
        "clock": _by("clock"),
        "idle": _is_idle,
        "window": _is_outside_windows,
        "version": _is_version_recorded,
        "quiet": _stops_others,
    },
    "during": {
        "running": _is_running,
        "errors": _log_is_clean,
        "load": _keeps_up,
        "memory": _has_memory,
        "space": lambda sight: judge_room(sight.disks),
    },
    "after": {
        "ended": _ended_well,
        "young": _is_young,
        "whole": _is_whole,
        "size": _has_likely_size,
        "verified": _is_verified_since,
        "permissions": _is_private,
        "room": lambda sight: judge_room(sight.disks),
        "notice": _notices_are_sent,
        "recorded": _is_recorded,
        "drilled": _drill_of_newest,
    },
    "maintenance": {
        "schedule": _runs_unattended,
        "failed": _none_failed,
        "verified": _verified_lately,
        "drilled": _drilled_lately,
        "objectives": _objectives_hold,
        "forgotten": _let_go,
        "ledger": _ledger_is_whole,
        "copies": _has_three_copies,
        "keys": _lists_holders,
        "kit": _kit_was_printed,
        "doctor": _nothing_to_mend,
        "runbook": _runbook_is_young,
        "contacts": _has_contacts,
    },
}
