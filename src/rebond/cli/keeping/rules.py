"""What rules of keeping say of snapshots: those of the command line, or those of the configuration."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import click

from rebond.cli.grammar.verbs import option
from rebond.cli.invocation import Invocation
from rebond.cli.snapshots.choosing import combine, split_all
from rebond.cli.vaults.opening import VaultAtHand
from rebond.errors import UsageError
from rebond.operations.snapshots import list_snapshots, resolve_snapshot
from rebond.units import parse_span
from rebond.vault.forgetting import ForgetPlan, Standing, join_plans, plan_by_name, plan_by_policy
from rebond.vault.retention import DEFAULT_GROUPS, Candidate, GroupBy, KeepPolicy


class MakePlan(Protocol):
    """Says what would go."""

    def __call__(self, vault: VaultAtHand, standing: Standing, *, is_confirmed: bool) -> ForgetPlan:
        """Return the plan."""
        ...


Shares = Sequence[tuple[KeepPolicy, Sequence[Candidate]]]  # a rule, and the snapshots that it is for
COUNTED = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
keep_rules = combine(
    option("--keep-last", type=click.IntRange(min=0), default=0, metavar="N", help="Keep the newest N."),
    option(
        "--keep-hourly",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Keep the newest of each of the last N hours.",
    ),
    option("--keep-daily", type=click.IntRange(min=0), default=0, metavar="N", help="The same for days."),
    option("--keep-weekly", type=click.IntRange(min=0), default=0, metavar="N", help="The same for weeks."),
    option("--keep-monthly", type=click.IntRange(min=0), default=0, metavar="N", help="The same for months."),
    option("--keep-yearly", type=click.IntRange(min=0), default=0, metavar="N", help="The same for years."),
    option("--keep-within", metavar="SPAN", help="Keep what is not older than this, counted from the newest."),
    option("--keep-tag", multiple=True, metavar="TAG", help="Keep what has this tag; may be repeated."),
    option(
        "--group-by",
        multiple=True,
        metavar="WORDS",
        help="What rules are counted for; host,stack,class unless told.",
    ),
)


def policy_of(wishes: Mapping[str, Any]) -> KeepPolicy:
    """Return the rules of the command line; without one, a policy that keeps nothing."""
    counts = {name: wishes[f"keep_{name}"] for name in COUNTED}
    within = wishes["keep_within"]
    return KeepPolicy(
        **counts,
        within_ms=parse_span(within) * 1000 if within else None,
        tags=frozenset(split_all(wishes["keep_tag"])),
    )


def groups_of(wishes: Mapping[str, Any]) -> tuple[GroupBy, ...]:
    """Return what rules are counted for. Raises ``UsageError`` for a word that names none of it."""
    words = split_all(wishes["group_by"])
    known = [each.value for each in GroupBy]
    for word in words:
        if word not in known:
            raise UsageError(
                "Snapshots have no {word} to be grouped by.",
                hint="They have: {known}.",
                word=word,
                known=", ".join(known),
            )
    return tuple(GroupBy(word) for word in words) or DEFAULT_GROUPS


def plan_by_configuration(invocation: Invocation) -> MakePlan:
    """Return what plans by the retention of the configuration, each class by its own."""

    def plan(vault: VaultAtHand, standing: Standing, *, is_confirmed: bool) -> ForgetPlan:
        plans = [
            plan_by_policy(
                standing,
                policy,
                zone=vault.configured.zone,
                is_confirmed=is_confirmed,
                scope={each.name for each in candidates},
            )
            for policy, candidates in share_by_configuration(invocation, vault, standing)
        ]
        return join_plans(standing, plans, is_confirmed=is_confirmed)

    return plan


def share_by_configuration(invocation: Invocation, vault: VaultAtHand, standing: Standing) -> Shares:
    """Return the policy of each class beside its snapshots. Raises ``UsageError`` where the configuration has none."""
    from rebond.cli.configuration.at_hand import require_configuration
    from rebond.stack.keeping import find_policies

    configured = vault.configured
    policies = find_policies(require_configuration(invocation), configured.place) if configured.place else {}
    if not policies:
        raise UsageError(
            "The configuration does not say what is kept in this vault.",
            hint="Write keep = … under its classes, or give rules such as --keep-daily 7.",
        )
    return [
        (policy, [each for each in standing.candidates if (each.stack, each.class_) == (configured.stack, class_)])
        for class_, policy in policies.items()
    ]


def share_out(policy: KeepPolicy, _vault: VaultAtHand, standing: Standing) -> Shares:
    """Return one policy beside all snapshots."""
    return [(policy, standing.candidates)]


def nothing_more(vault: VaultAtHand, standing: Standing, *, is_confirmed: bool) -> ForgetPlan:
    """Plan nothing: all that was named is dealt with."""
    del vault, standing
    return ForgetPlan(chosen=(), decisions=(), is_confirmed=is_confirmed, reason="by name")


def plan_by_words(
    policy: KeepPolicy,
    names: Sequence[str],
    wishes: Mapping[str, Any],
    vault: VaultAtHand,
    standing: Standing,
    *,
    is_confirmed: bool,
) -> ForgetPlan:
    """Plan by the names that were given, else by the rules. Raises ``UnknownName``."""
    if not names:
        zone = vault.configured.zone
        return plan_by_policy(standing, policy, zone=zone, group_by=groups_of(wishes), is_confirmed=is_confirmed)
    records, stack = list_snapshots(vault.live), vault.configured.stack
    now_ms, zone = vault.live.clock.now_ms(), vault.configured.zone
    chosen = {resolve_snapshot(records, each, now_ms=now_ms, stack=stack, zone=zone).name for each in names}
    return plan_by_name(standing, chosen, is_confirmed=is_confirmed or wishes["dry_run"])
