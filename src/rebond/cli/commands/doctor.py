"""``rebond doctor``, also called ``check``: every precondition, each with the command that mends it."""

import sys

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.output.speech import tr
from rebond.errors import UsageError

FAILED = 1


@verb(
    "doctor",
    help="Look at everything that a backup or restore depends on: the configuration, permissions, programs and their "
    "versions, services, vaults and their keys, room, clock, git. Each finding comes with the command that mends it. "
    "It reads no backup: that is 'rebond verify'.",
    example="rebond doctor\nrebond doctor --fix\nrebond doctor --record --json",
)
@option("--fix", is_flag=True, help="Run the commands that take nothing away from anybody, then look again.")
@option("--record", is_flag=True, help="Write down commit, image digests and migrations, beside the next snapshot.")
@click.pass_obj
def doctor(invocation: Invocation, fix: bool, record: bool) -> int:
    """Return 2 without a usable configuration, 1 when a backup or restore would fail, 3 for a warning, else 0."""
    from rebond.cli.checks.examining import Consultation

    consultation = Consultation(invocation)
    examination = consultation.examine()
    done = consultation.fix(examination) if fix else []
    if done:
        examination = consultation.examine()
    recorded = consultation.record() if record else None
    document = consultation.document(examination, done, recorded)
    answer(invocation, document, consultation.describe(examination, done, recorded))
    if not consultation.has_configuration:
        return UsageError.exit_status
    if examination.has_failure:
        return FAILED
    return GOOD if examination.is_good else DOUBTFUL


@verb(
    "check",
    help="The same as doctor: what a backup and a restore depend on, each finding with the command that mends it.",
    example="rebond check",
)
@option("--fix", is_flag=True, help="Run the commands that take nothing away from anybody, then look again.")
@option("--record", is_flag=True, help="Write down commit, image digests and migrations, beside the next snapshot.")
@click.pass_context
def check(context: click.Context, fix: bool, record: bool) -> int:
    """Say what this is not, then be the doctor."""
    invocation = context.ensure_object(Invocation)
    note(
        invocation,
        tr(
            "This is 'rebond doctor': it checks what a backup depends on. Whether the backups can be read back says "
            "'rebond verify', whether the configuration is right 'rebond config check'."
        ),
    )
    sys.stderr.flush()
    return int(context.invoke(doctor, fix=fix, record=record))
