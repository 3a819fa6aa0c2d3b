"""The table of commands."""

import sys
from collections.abc import Callable
from typing import Any

import click

import rebond
from rebond.cli.grammar.verbs import Later, Option, Place, Verbs
from rebond.cli.invocation import Invocation

COMMANDS = [
    Place("rebond.cli.commands.init", "init", "Look at this directory, write rebond.toml, make the vault."),
    Place("rebond.cli.commands.doctor", "doctor", "Say what keeps a backup from working, and what mends it."),
    Place("rebond.cli.commands.doctor", "check", "The same as doctor."),
    Place("rebond.cli.commands.vault", "vault", "Make a vault, or look at one."),
    Place("rebond.cli.commands.backup", "backup", "Save files as a new snapshot."),
    Place("rebond.cli.commands.snapshots", "snapshots", "List what can be restored."),
    Place("rebond.cli.commands.ls", "ls", "List the files in a snapshot."),
    Place("rebond.cli.commands.cat", "cat", "Write one file of a snapshot to standard output."),
    Place("rebond.cli.commands.diff", "diff", "Compare two snapshots, or one with what is there now."),
    Place("rebond.cli.commands.find", "find", "Find every version of a path over all snapshots."),
    Place("rebond.cli.commands.explain", "explain", "Say whether a path is saved, and if not, by what rule."),
    Place("rebond.cli.commands.restore", "restore", "Bring files back."),
    Place("rebond.cli.commands.drill", "drill", "Prove a snapshot by restoring it where it is thrown away."),
    Place("rebond.cli.commands.export", "export", "Write a part of a snapshot as a file that other tools read."),
    Place("rebond.cli.commands.recover", "recover", "Bring a stack back on a bare machine."),
    Place("rebond.cli.commands.verify", "verify", "Check that everything stored can be read back."),
    Place("rebond.cli.commands.forget", "forget", "Take snapshots off the list, by rule or by name."),
    Place("rebond.cli.commands.undelete", "undelete", "Put a forgotten snapshot back on the list."),
    Place("rebond.cli.commands.prune", "prune", "Free the room that forgotten snapshots took."),
    Place("rebond.cli.commands.hold", "hold", "Protect a snapshot from being forgotten."),
    Place("rebond.cli.commands.hold", "unhold", "Lift the protection of a snapshot."),
    Place("rebond.cli.commands.status", "status", "What is promised, beside what was measured."),
    Place("rebond.cli.commands.history", "history", "List what ran, how it ended, and what it took."),
    Place("rebond.cli.commands.runbook", "runbook", "Write the operations guide of this stack."),
    Place("rebond.cli.commands.checklist", "checklist", "Tick what can be seen, ask for the rest."),
    Place("rebond.cli.commands.key", "key", "List, add, remove, issue and revoke keys."),
    Place("rebond.cli.commands.kit", "kit", "Print the recovery kit again."),
    Place("rebond.cli.commands.wal", "wal", "The write-ahead log of PostgreSQL: how far it is saved."),
    Place("rebond.cli.commands.schedule", "schedule", "Show what runs when, and hand it to systemd, cron or Git."),
    Place("rebond.cli.commands.serve", "serve", "Start every run when it is due."),
    Place("rebond.cli.commands.pause", "pause", "Let nothing run unattended for a while."),
    Place("rebond.cli.commands.pause", "resume", "End a pause."),
    Place("rebond.cli.commands.config", "config", "Show, check and describe the configuration."),
    Place("rebond.cli.commands.completion", "completion", "Print the lines that complete commands in a shell."),
]
LATER = [
    Later("import", "Unpack the archive, then save what was in it: rebond backup --path DIR --tag imported"),
    Later(
        "replicate",
        "Copy the vault's folder or bucket with another tool (rsync, rclone) while nothing writes to it: its objects "
        "never change.",
    ),
    Later(
        "notify",
        "A unit of systemd tells by OnFailure=, cron by mail; 'rebond status' ends with 5, 'rebond backup' "
        "with its status.",
    ),
    Later("metrics", "Read 'rebond status --json' and 'rebond history --json', or /healthz of 'rebond serve'."),
    Later("audit", "See 'rebond history --check' for what ran, 'rebond key list' for who may what."),
    Later("estimate", "See 'rebond backup --dry-run' for what would be saved, 'rebond status' for how it grows."),
]


class Program(Verbs):
    """All commands, and ``--version``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command, or say which version this is."""
        if not ctx.params.pop("version", False):
            return super().invoke(ctx)
        from rebond.cli.output.answering import answer
        from rebond.vault.headers import FORMAT_VERSION

        python = ".".join(map(str, sys.version_info[:3]))
        document = {"program": "rebond", "version": rebond.__version__, "format": FORMAT_VERSION, "python": python}
        return answer(ctx.ensure_object(Invocation), document, f"rebond {rebond.__version__}")


def _record(context: click.Context, kind: str, run: Callable[[], Any]) -> Any:
    from rebond.cli.records.recording import record  # most commands need none of it

    return record(context, kind, run)


program = Program(
    "rebond",
    record=_record,
    places=COMMANDS,
    later=LATER,
    help="Back up everything an application needs to exist again, prove it, and bring it back.",
    example="rebond vault create /backup\nrebond backup --vault /backup --path ~/shop",
)
program.params.append(
    Option(
        ["--version"],
        is_flag=True,
        help="Show the version and exit.",
    )
)
