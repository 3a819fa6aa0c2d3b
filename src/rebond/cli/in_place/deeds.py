"""``rebond restore`` without a directory: by a plan into the configuration's own places, or guided."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rebond.cli.in_place.beginning import begin_in_place
from rebond.cli.invocation import Invocation
from rebond.errors import UsageError

_DEEDS = ("in_place", "resume", "rollback", "accept", "leave")
_OTHERS = ("rename", "strip", "overwrite", "delete", "verify")  # what no plan knows
# What was decided when the run began.
_AFTERWARDS = ("include", "exclude", "table", "schema", "dry_run", "no_owner", "scenario", "other_cluster")


def restore_by_plan(invocation: Invocation, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]) -> int:
    """Carry out a plan, go on with one, undo or accept one. Raises ``UsageError`` for what does not go together."""
    deed = _choose_deed(wishes)
    if deed == "":
        return _begin_without_place(invocation, words, moment, wishes)
    _refuse_others(deed, words, moment, wishes)
    if deed != "in_place":
        return _go_on(invocation, deed, wishes)
    if not words and moment is None:
        raise UsageError("What is to be restored?", hint="Name a snapshot, such as latest, or a moment with --at.")
    return begin_in_place(invocation, words, moment, wishes)


def _go_on(invocation: Invocation, deed: str, wishes: Mapping[str, Any]) -> int:
    from rebond.cli.in_place.afterwards import accept, resume, roll_back

    lost = tuple(wishes["without"])
    match deed:
        case "resume":
            return resume(invocation, wishes["resume"])
        case "rollback":
            return roll_back(
                invocation,
                wishes["rollback"],
                is_confirmed=wishes["yes"],
                keeps_newer=wishes["set_newer_aside"],
                lost=lost,
            )
        case "leave":
            from rebond.cli.in_place.leaving import leave

            return leave(invocation, wishes["leave"], is_confirmed=wishes["yes"])
        case _:
            return accept(invocation, wishes["accept"], is_confirmed=wishes["yes"], lost=lost)


def _choose_deed(wishes: Mapping[str, Any]) -> str:
    given = [name for name in _DEEDS if wishes.get(name)]
    if len(given) > 1:
        raise UsageError(
            "--{one} and --{other} do not go together.",
            hint="Leave one out.",
            one=given[0].replace("_", "-"),
            other=given[1],
        )
    return given[0] if given else ""


def _refuse_others(deed: str, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]) -> None:
    wrong = [name for name in _OTHERS if wishes.get(name)]
    if deed != "in_place":
        wrong += [name for name in _AFTERWARDS if wishes.get(name)]
        if words or moment is not None:
            raise UsageError(
                "--{option} names the run, and nothing else is to be named.",
                hint="What it restores was decided when it began.",
                option=deed,
            )
    if deed != "rollback" and wishes["set_newer_aside"]:
        wrong.append("set_newer_aside")
    if deed not in ("rollback", "accept") and wishes["without"]:
        wrong.append("without")
    if deed == "in_place" and "rename" in wrong:
        raise UsageError(
            "In its place everything keeps its name.",
            hint="Under another name a table or a database goes with --into: "
            "rebond restore SNAPSHOT COMPONENT --into TARGET --table TABLE --rename TABLE=NEW",
        )
    if wrong:
        raise UsageError(
            "--{one} and --{other} do not go together.",
            hint="Leave one out.",
            one=deed.replace("_", "-"),
            other=wrong[0].replace("_", "-"),
        )


def _begin_without_place(
    invocation: Invocation, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]
) -> int:
    """Guide whoever typed nothing on a terminal; else say what is missing."""
    is_bare = not words and moment is None and not any(wishes.get(name) for name in (*_OTHERS, *_AFTERWARDS))
    if is_bare and sys.stdin.isatty() and sys.stderr.isatty() and not invocation.wants_json:
        from rebond.cli.in_place.guided import guide

        return guide(invocation, wishes)
    if not words and moment is None:
        raise UsageError("What is to be restored?", hint="Name a snapshot, such as latest, or a moment with --at.")
    raise UsageError(
        "Where is it to go?",
        hint="Name a directory with --to, a database server with --into, or the configuration's own places "
        "with --in-place.",
    )
