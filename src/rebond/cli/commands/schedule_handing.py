"""``rebond schedule install``, ``remove`` and ``export``: others start the runs."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from rebond.cli.configuration.at_hand import judge_configuration, require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note, say_aside
from rebond.cli.output.speech import show_path, tr
from rebond.cli.snapshots.choosing import combine
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.durable_files import discard_file, replace_durably
from rebond.errors import RebondError, UsageError
from rebond.schedule.handing_over import HandedOver, describe_handing_over, make_folders, name_of_this_user
from rebond.schedule.inherited_variables import list_inherited
from rebond.schedule.installing import Installation, apply_files
from rebond.schedule.outside_programs import ask_program, reaching_own_manager, run_program
from rebond.schedule.repositories import (
    find_hooks_folders,
    find_repositories,
    list_commit_classes,
    plan_hooks,
    plan_hooks_away,
)
from rebond.schedule.stack_folders import folder_of
from rebond.schedule.targets import (
    LINGER,
    TARGETS,
    change_table,
    folder_of_target,
    plan_target,
    plan_target_away,
    refuse_target,
    with_commands,
    write_files,
)
from rebond.stack.advice.user_of_runs import list_shut

T = TypeVar("T")

to_whom = option(
    "--to",
    type=click.Choice(TARGETS),
    help="Who starts the runs; else what [schedule] by says. 'serve' is a unit of systemd for 'rebond serve'.",
)
how = combine(
    to_whom,
    option("--git-hook", is_flag=True, help="The hook of Git for classes that wait for commits, and nothing else."),
    option(
        "--directory",
        type=click.Path(path_type=Path, readable=False),
        metavar="DIR",
        help="Where the files go, for another machine or an image; nothing is enabled then.",
    ),
    option("--dry-run", is_flag=True, help="Only say what would be done."),
)


@verb(
    "install",
    help="Hand the calendar to systemd or cron, or set the hook of Git: after it, the runs begin by themselves. A "
    "second time it changes only what has to be. What somebody else wrote stays.",
    example="rebond schedule install --dry-run\nrebond schedule install --git-hook",
)
@how
@click.pass_obj
def install(invocation: Invocation, /, **wishes: Any) -> None:
    """The plan is shown before anything is done."""
    loaded, handed = _look(invocation)
    if wishes["git_hook"]:
        found = find_repositories(loaded, invocation.environment)
        plan = _doing(lambda: plan_hooks(found, handed))
        for repository, _ in found.values():
            if repository.is_shared:
                note(
                    invocation,
                    tr("{path} serves other repositories too; the hook keeps to this one.", path=repository.hooks),
                )
        _carry_out(invocation, plan, wishes)
        return
    target = _choose_target(loaded, wishes["to"])
    _say_what_is_not_handed_over(invocation, loaded, handed)
    if wishes["directory"] is None:
        _say_who_is_shut_out(invocation, loaded, handed)
    if target == "cron":
        _change_table(invocation, loaded, handed, wishes, is_wanted=True)
    else:
        files = write_files(target, loaded, handed, SystemClock().now_ms())
        folder = wishes["directory"] or folder_of_target(target, invocation.environment)
        plan = _doing(lambda: plan_target(files, folder, handed, target))
        if target != "cron.d":
            runs = _systemd_runs(wishes, invocation.environment)
            plan = with_commands(plan, files, systemd_runs=runs)
            if not wishes["dry_run"] and wishes["directory"] is None:
                _doing(lambda: make_folders(handed))
        _carry_out(invocation, plan, wishes)
        if target != "cron.d" and wishes["directory"] is None:
            _say_who_lingers(invocation)
    if list_commit_classes(loaded):
        note(invocation, tr("Classes that wait for commits need the hook: rebond schedule install --git-hook"))


def _say_what_is_not_handed_over(invocation: Invocation, loaded: Loaded, handed: HandedOver) -> None:
    """Nothing of this shell comes along: a backup that works here would fail every night."""
    document = judge_configuration(invocation).document
    names = list_inherited(document, loaded, invocation.environment, handed.variables)
    if names:
        text = tr(
            "The runs will not have these variables of this shell: {names}. Say in the configuration what they say, or "
            "write them into a file that 'env' of [stack] names; for units also: systemctl edit NAME",
            names=", ".join(names),
        )
        say_aside(invocation, f"{tr('warning')}: {text}")


def _say_who_is_shut_out(invocation: Invocation, loaded: Loaded, handed: HandedOver) -> None:
    """What root may use, the user of the runs often may not: a program below /root, a key of root's."""
    if shut := list_shut(handed, loaded, invocation.environment):
        text = tr(
            "The runs are {user}'s, and {user} may not use {places}: each of them would fail. Install Rebond "
            "where everybody may run it, then 'rebond schedule install'; give {user} the files that it reads.",
            user=handed.user,
            places=", ".join(shut),
        )
        say_aside(invocation, f"{tr('warning')}: {text}")


def _say_who_lingers(invocation: Invocation) -> None:
    """A user's own units stop with the last session of the user, unless the user lingers."""
    user = name_of_this_user() or str(os.geteuid())
    if os.geteuid() != 0 and not Path(LINGER, user).exists():
        text = tr(
            "The units are {user}'s own: they run while {user} is logged in, and always after: {command}",
            user=user,
            command=f"loginctl enable-linger {user}",
        )
        note(invocation, text)


@verb(
    "remove",
    help="Take back what install handed over. What was there before comes back, what somebody else wrote stays.",
    example="rebond schedule remove --git-hook",
)
@how
@click.pass_obj
def remove(invocation: Invocation, /, **wishes: Any) -> None:
    """A second time it does nothing."""
    loaded, handed = _look(invocation)
    if wishes["git_hook"]:
        folders = find_hooks_folders(loaded, invocation.environment)
        _carry_out(invocation, _doing(lambda: plan_hooks_away(folders, handed)), wishes)
        return
    target = _choose_target(loaded, wishes["to"])
    if target == "cron":
        _change_table(invocation, loaded, handed, wishes, is_wanted=False)
        return
    folder = wishes["directory"] or folder_of_target(target, invocation.environment)
    plan = _doing(lambda: plan_target_away(folder, handed, target))
    if target != "cron.d":
        plan = with_commands(plan, {}, systemd_runs=_systemd_runs(wishes, invocation.environment))
    _carry_out(invocation, plan, wishes)


@verb(
    "export",
    help="Print the files that install would write, or write them to a directory, and change nothing else.",
    example="rebond schedule export --to systemd --output units/",
)
@to_whom
@option("--output", type=click.Path(path_type=Path, readable=False), metavar="DIR", help="Write the files there.")
@click.pass_obj
def export(invocation: Invocation, to: str | None, output: Path | None) -> None:
    """With ``--json`` the files are members of one document."""
    loaded, handed = _look(invocation)
    target = _choose_target(loaded, to)
    _say_what_is_not_handed_over(invocation, loaded, handed)
    files = write_files(target, loaded, handed, SystemClock().now_ms())
    if output is not None:
        _doing(lambda: _write_all(output, files))
        answer(invocation, {"files": {name: str(output / name) for name in files}}, "\n".join(files))
        return
    parts = files.values() if len(files) == 1 else (f"# --- {name}\n{text}" for name, text in files.items())
    answer(invocation, {"files": files}, "\n".join(parts))


def _write_all(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        replace_durably(os.fspath(folder / name), text.encode(), mode=0o644)


def _look(invocation: Invocation) -> tuple[Loaded, HandedOver]:
    loaded = require_configuration(invocation)
    folders = (invocation.state_folder, invocation.cache_folder)
    folder = folder_of(invocation.state_folder, loaded)
    return loaded, describe_handing_over(loaded, folder, folders, invocation.environment)


def _choose_target(loaded: Loaded, named: str | None) -> str:
    scheduling = loaded.configuration.schedule
    target = named or (scheduling.by if scheduling else "")
    if not target:
        raise UsageError(
            "Nobody said who starts the runs.",
            hint='Add --to systemd (or cron, cron.d, serve), or write by = "systemd" under [schedule].',
        )
    refuse_target(target)
    return target


def _systemd_runs(wishes: dict[str, Any], environment: Mapping[str, str]) -> bool:
    """Say whether there is a manager to be told: of the machine for root, else this user's own."""
    if wishes["directory"] is not None or not os.path.isdir("/run/systemd/system"):
        return False
    return os.geteuid() == 0 or "XDG_RUNTIME_DIR" in reaching_own_manager(environment)


def _carry_out(invocation: Invocation, plan: Installation, wishes: dict[str, Any]) -> None:
    """Show the plan, and do it unless only that was asked for."""
    if not wishes["dry_run"]:
        environment = reaching_own_manager(invocation.environment)
        for each in plan.first:
            run_program(each, environment)
        _doing(lambda: apply_files(plan))
        for each in plan.commands:
            run_program(each, environment)
    document = {
        "done": not wishes["dry_run"],
        "written": [str(each.path) for each in plan.written],
        "kept": [str(each.keep_as) for each in plan.written if each.keep_as],
        "removed": [str(each) for each in plan.gone],
        "put_back": [str(target) for _, target in plan.put_back],
        "commands": [" ".join(each) for each in (*plan.first, *plan.commands)],
        "to_do": list(plan.notes),
    }
    answer(invocation, document, "\n".join(_describe(plan, is_done=not wishes["dry_run"])))


def _describe(plan: Installation, *, is_done: bool) -> list[str]:
    lines = [] if is_done else [tr("Nothing was done. This would be:")]
    if not plan.changes_files:
        lines.append(tr("Every file is as it should be."))
    for each in plan.written:
        if each.keep_as is not None:
            lines.append(tr("keep     {path}", path=show_path(str(each.keep_as))))
        lines.append(tr("write    {path}", path=show_path(str(each.path))))
    lines += [tr("put back {path}", path=show_path(str(target))) for _, target in plan.put_back]
    lines += [tr("remove   {path}", path=show_path(str(each))) for each in plan.gone]
    lines += [tr("run      {command}", command=" ".join(each)) for each in (*plan.first, *plan.commands)]
    if plan.notes:
        lines.append(tr("No systemd that these files are for runs here. Where it does, run:"))
        lines += [f"  {each}" for each in plan.notes]
    return lines


def _change_table(
    invocation: Invocation, loaded: Loaded, handed: HandedOver, wishes: dict[str, Any], *, is_wanted: bool
) -> None:
    """Change a user's own table of cron, through ``crontab``."""
    block = write_files("cron", loaded, handed, SystemClock().now_ms())["crontab"] if is_wanted else ""
    whose = ("-u", handed.user) if handed.user and handed.user != name_of_this_user() else ()
    answered = ask_program(("crontab", *whose, "-l"), invocation.environment)
    table = answered.output if answered.status == 0 else ""  # a user without a table is told so by a status
    if answered.status != 0 and "no crontab" not in answered.words:
        raise RebondError(
            "{command} failed with status {status}: {words}",
            hint="Run it by hand to see why.",
            command=" ".join(("crontab", *whose, "-l")),
            status=answered.status,
            words=answered.words,
        )
    changed = change_table(table, block, handed.stack)
    if changed != table and not wishes["dry_run"]:
        _put_table(invocation, changed, whose)
    document = {"done": not wishes["dry_run"], "changed": changed != table, "lines": block.splitlines()}
    text = block if is_wanted and changed != table else ""
    head = tr("The table of cron is as it should be.") if changed == table else tr("The table of cron is changed.")
    if wishes["dry_run"] and changed != table:
        head = tr("The table of cron would be changed.")
    answer(invocation, document, f"{head}\n{text}")


def _put_table(invocation: Invocation, table: str, whose: tuple[str, ...]) -> None:
    """Hand the table over in a file, which a user's ``crontab`` reads."""
    path = invocation.state_folder / "crontab.new"
    try:
        _doing(lambda: _write_all(path.parent, {path.name: table}))
        run_program(("crontab", *whose, os.fspath(path)), invocation.environment)
    finally:
        discard_file(os.fspath(path))


def _doing(act: Callable[[], T]) -> T:
    try:
        return act()
    except OSError as error:
        raise RebondError(
            "{path} could not be read or written: {reason}.",
            hint="Run it as the user who may write there, such as with sudo, or name another place with --directory.",
            path=error.filename or "?",
            reason=error.strerror or str(error),
        ) from None
