"""``rebond forget``: take snapshots off the list, by rule or by name. They lie in the trash until a prune."""

import sys
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.keeping.heard import Heard
from rebond.cli.keeping.idle_tags import find_idle_tags, require_some_tag
from rebond.cli.keeping.lost import describe_lost, split_lost
from rebond.cli.keeping.pruning import note_leftovers, outcome_document, outcome_text, prune_now
from rebond.cli.keeping.rules import (
    MakePlan,
    Shares,
    groups_of,
    keep_rules,
    nothing_more,
    plan_by_configuration,
    plan_by_words,
    policy_of,
    share_by_configuration,
    share_out,
)
from rebond.cli.output.answering import answer, note, require_consent, status_of, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import hint_of, message_of, show_path, tr
from rebond.cli.output.tables import format_table
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.wal.cleaning import clean_wal
from rebond.config.finding import find_configuration
from rebond.errors import RebondError, UsageError
from rebond.findings import Finding, Severity
from rebond.units import format_iso, format_moment, format_span, parse_span
from rebond.vault.forgetting import ForgetPlan, Standing, survey
from rebond.vault.forgetting import forget as forget_snapshots
from rebond.vault.lost_records import LostRecord, give_up
from rebond.vault.pruning import PruneOutcome
from rebond.vault.retention import Decision
from rebond.vault.retention_simulation import simulate_retention

_NAMED = 10  # of those that stay for one reason, so many are shown by their ids


@verb(
    "forget",
    help="Take snapshots off the list: those named, or those that no --keep rule keeps; without either, those that the "
    "configuration does not keep in this vault, class by class. Held ones and the last whole one of each component "
    "always stay. They lie in the trash until 'rebond prune'; 'rebond undelete ID' takes one back. "
    "Unattended, without --yes, nothing younger than a day goes, nor unusually many at once.",
    example="rebond forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --explain --dry-run",
)
@click.argument("names", nargs=-1, metavar="[SNAPSHOT]...")
@keep_rules
@option("--simulate", metavar="SPAN", help="Only say what the rules will leave after this time.")
@option("--explain", is_flag=True, help="Say for each snapshot which rules keep it.")
@option("--prune", "prunes", is_flag=True, help="Free their room at once.")
@option("--place", metavar="NAME", help="Another vault of the configuration, by the name that keep uses.")
@option("--scheduled", is_flag=True, help="For timers: run when it is due, and not in a pause.")
@option("--dry-run", is_flag=True, help="Only say what would go.")
@option("--yes", is_flag=True, help="Do not ask; young ones and many at once may go.")
@click.pass_obj
def forget(invocation: Invocation, /, names: Sequence[str], **wishes: Any) -> int:
    """Plan, ask, carry out."""
    if wishes["place"]:
        from rebond.cli.vaults.others import enter_place

        invocation = enter_place(invocation, wishes["place"])
    if wishes["scheduled"] and not wishes["dry_run"]:
        from rebond.cli.keeping.cleaning import clean_in_turn

        return clean_in_turn(invocation, wishes["place"], lambda: _forget(invocation, names, wishes))
    return _forget(invocation, names, wishes)


def _forget(invocation: Invocation, names: Sequence[str], wishes: dict[str, Any]) -> int:
    policy = policy_of(wishes)
    has_no_rules = policy.keeps_nothing
    asks_configuration = has_no_rules and not names and _has_configuration(invocation)
    if bool(names) != has_no_rules and not asks_configuration:
        raise UsageError(
            "What is to be forgotten?", hint="Name snapshots, or give rules such as --keep-daily 7, and not both."
        )
    by_words: MakePlan = partial(plan_by_words, policy, names, wishes)
    make = plan_by_configuration(invocation) if asks_configuration else by_words
    shares = partial(share_by_configuration, invocation) if asks_configuration else partial(share_out, policy)
    with watching(invocation) as watcher, vault_at_hand(invocation, (heard := Heard(watcher)).hear) as vault:
        standing = survey(vault.live)
        heard.keep_damage()
        for finding in find_idle_tags(shares(vault, standing), is_typed=not asks_configuration):
            heard.hear(finding)
        if wishes["simulate"]:
            return _simulate(invocation, shares(vault, standing), vault.configured.zone, wishes, heard.findings)
        if not (asks_configuration or wishes["dry_run"]):
            require_some_tag(policy, standing.candidates)
        lost, names = split_lost(vault.live, standing, names)
        if lost and not wishes["dry_run"]:
            note(invocation, describe_lost(lost))
            question = tr("Give up {count} snapshots whose record is lost?", count=len(lost))
            require_consent(invocation, question, is_given=wishes["yes"])
            give_up(vault.live, lost)
        if lost and not names:
            make = nothing_more
        elif lost:
            make = partial(plan_by_words, policy, names, wishes)
        plan = make(vault, standing, is_confirmed=wishes["yes"])
        if not (wishes["yes"] or wishes["dry_run"] or wishes["scheduled"]) and _may_ask(invocation):
            plan = make(vault, standing, is_confirmed=True)
            if plan.chosen:
                question = tr("Forget {count} of {all}?", count=len(plan.chosen), all=len(standing.candidates))
                note(invocation, _describe(plan, explains=wishes["explain"]))
                require_consent(invocation, question, is_given=False)
        if not wishes["dry_run"]:
            forget_snapshots(vault.live, plan)
        pruned, wal = None, None
        if wishes["prunes"] and not wishes["dry_run"]:
            try:
                pruned, wal = prune_now(vault, watcher), clean_wal(invocation, vault, dry_run=False)
            except RebondError:
                note(invocation, "\n".join([_describe(plan, explains=False), _count(plan, standing)]).lstrip())
                raise
    return _show(invocation, plan, standing, wishes, pruned, wal, heard.findings, lost)


def _may_ask(invocation: Invocation) -> bool:
    return not invocation.wants_json and sys.stdin.isatty() and sys.stderr.isatty()


def _has_configuration(invocation: Invocation) -> bool:
    return find_configuration(invocation.config, invocation.environment, Path.cwd()) is not None


def _show(
    invocation: Invocation,
    plan: ForgetPlan,
    standing: Standing,
    wishes: dict[str, Any],
    pruned: PruneOutcome | None,
    wal: dict[str, object] | None,
    problems: Sequence[Finding],
    lost: Sequence[LostRecord],
) -> int:
    going = {each.name for each in plan.chosen}
    document = {
        "dry_run": wishes["dry_run"],
        "forgotten": [each.hex() for each in (*(c.snapshot for c in plan.chosen), *(r.snapshot for r in lost))],
        "kept": [each.snapshot.hex() for each in standing.candidates if each.name not in going],
        "decisions": [_decision_document(each) for each in plan.decisions],
        "left": [{"id": each.subject, "code": each.code, "reason": message_of(each)} for each in plan.left],
        "prune": {**outcome_document(pruned), "wal": wal} if pruned else None,
        "problems": [finding_document(each) for each in problems],
    }
    lines = [describe_lost(lost) if wishes["dry_run"] else "", _describe(plan, explains=wishes["explain"])]
    lines.append(_count(plan, standing, len(lost), is_dry=wishes["dry_run"]))
    if pruned:
        lines.append(outcome_text(pruned))
    text = "\n".join(line for line in lines if line)
    answer(invocation, document, with_problems(invocation, text, problems))
    status = status_of([*plan.left, *problems])
    if pruned:
        return max(status, note_leftovers(invocation, pruned))
    if plan.chosen and not wishes["dry_run"]:
        note(invocation, tr("Their room is free after 'rebond prune'; until then 'rebond undelete ID' takes one back."))
    if any(each.severity is Severity.DAMAGE for each in problems):
        note(invocation, tr("Damage was found beside this: 'rebond verify' says what it reaches and what mends it."))
    return status


def _count(plan: ForgetPlan, standing: Standing, lost: int = 0, *, is_dry: bool = False) -> str:
    values = {"count": len(plan.chosen) + lost, "rest": len(standing.candidates) - len(plan.chosen)}
    if is_dry:
        return tr("Would go: {count}. Would stay: {rest}.", **values)
    return tr("Forgotten: {count}. Kept: {rest}.", **values)


def _describe(plan: ForgetPlan, *, explains: bool) -> str:
    """Return a line for each snapshot that goes, or with reasons for every one."""
    if explains and plan.decisions:
        left = {each.subject: message_of(each) for each in plan.left}
        rows = [
            [
                each.candidate.snapshot.hex()[:SHORT_ID],
                format_moment(each.candidate.shown_ms),
                show_path(each.candidate.stack),
                "; ".join(message_of(reason) for reason in each.reasons),
                left.get(each.candidate.snapshot.hex(), ""),
            ]
            for each in plan.decisions
        ]
        return format_table([tr("id"), tr("time"), tr("stack"), tr("reason"), ""], rows)
    lines = [
        f"- {each.snapshot.hex()[:SHORT_ID]}  {format_moment(each.shown_ms)}  {show_path(each.stack)}"
        for each in plan.chosen
    ]
    return "\n".join([*lines, *_describe_left(plan.left)])


def _describe_left(left: Sequence[Finding]) -> Iterator[str]:
    """Yield what stays although no rule keeps it: each where they are few, their number where they are many."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in left:
        groups.setdefault((message_of(each), hint_of(each)), []).append(each.subject[:SHORT_ID])
    for (reason, hint), ids in groups.items():
        if len(ids) <= _NAMED:
            yield from (f"  {each}  {reason}" for each in ids)
        else:
            yield "  " + tr("{count} snapshots: {reason}. '--explain' names each.", count=len(ids), reason=reason)
        if hint:
            yield f"    → {hint}"


def _decision_document(decision: Decision) -> dict[str, object]:
    return {
        "id": decision.candidate.snapshot.hex(),
        "time": format_iso(decision.candidate.shown_ms),
        "kept": decision.is_kept,
        "group": dict(decision.group),
        "reasons": [{"code": each.code, "reason": message_of(each)} for each in decision.reasons],
    }


def _simulate(
    invocation: Invocation, shares: Shares, zone: tzinfo, wishes: dict[str, Any], damage: Sequence[Finding]
) -> int:
    span_seconds = parse_span(wishes["simulate"])
    found = [
        simulate_retention(candidates, policy, zone=zone, span_ms=span_seconds * 1000, group_by=groups_of(wishes))
        for policy, candidates in shares
    ]
    made, left = sum(each.made for each in found), sum(each.left for each in found)
    kept = [candidate.snapshot.hex() for each in found for candidate in each.kept]
    text = tr(
        "In {span}, at today's rhythm, {made} snapshots will have been made; {left} of them and {kept} of today's "
        "{count} will be there.",
        span=format_span(span_seconds),
        made=made,
        left=left,
        kept=len(kept),
        count=sum(len(candidates) for _, candidates in shares),
    )
    document = {"span_seconds": span_seconds, "made": made, "left": left, "kept": kept}
    answer(invocation, document, with_problems(invocation, text, damage))
    return status_of(damage)
