"""Section 5, its end: a machine on which nothing is, and the questions that say whether all is back."""

from collections.abc import Iterator

from rebond.config.steps import Probe
from rebond.pages.blocks import Block, Boxes, Commands, Grid, Heading, Output, Paragraph, Points
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Text, say
from rebond.runbook.access import list_first_lines
from rebond.runbook.describing import show_run, show_span, show_words
from rebond.runbook.facts import Facts
from rebond.runbook.protecting import COPY, find_folder, write_offline_rescue
from rebond.runbook.putting_back import NEW_FOLDER
from rebond.runbook.questions import list_questions, write_open_boxes
from rebond.vault.kit import list_credentials

_STEPS = (
    say("noticed"),
    say("decided"),
    say("services stopped"),
    say("restored"),
    say("services started"),
    say("found healthy"),
    say("people told"),
)

INSTALL = 'python3 -m venv ~/rebond && . ~/rebond/bin/activate && pip install ".[all]"'  # as the recovery kit says


def write_bare_machine(facts: Facts) -> Iterator[Block]:
    """Write what brings the stack back where nothing of it is left."""
    main = facts.places[0] if facts.places else None
    credentials = list_credentials(main.address) if main else ()
    yield Points(
        (
            say("Take the recovery kit out of the safe: the address of the vault and the recovery key are in it."),
            say(
                "A new machine with Linux, Python 3.11 or newer, and network to the vault: {address}.",
                address=Code(main.address) if main else "–",
            ),
            say(
                "Install Rebond, version {version} or newer, in the folder of a copy of its source: {command}",
                version=facts.machine.program.removeprefix("rebond "),
                command=Code(INSTALL),
            ),
            say(
                "Put the recovery key into a file of your own, and name it: {command}",
                command=Code("export REBOND_PASSPHRASE_FILE=~/recovery-key"),
            ),
            *(
                (
                    say(
                        "Give the key of the store, without which nobody reaches the vault; where it lies is written "
                        "on the kit: {command}",
                        command=Code("export " + " ".join(f"{each}=…" for each in credentials)),
                    ),
                )
                if credentials
                else ()
            ),
        ),
        is_numbered=True,
    )
    if main is None:
        return
    yield from _write_return(facts, f"{quote(main.address)} --stack {quote(facts.stack)}")
    yield Paragraph(
        (
            say(
                "Put each component in its place as in 5.5, install the programs of 2.3, then hand the "
                "calendar over (4.3). The first lines in the new shell:"
            ),
            say(
                "(After a return with {option} the configuration is {place}: name that one in the second line.)",
                option=Code("--to"),
                place=Code(f'"$TO"/{_name_configuration(facts)}'),
            ),
        )
    )
    yield Commands(list_first_lines(facts, on_new_machine=True))
    yield from _write_without_rebond(main.address, facts.stack)
    yield from write_offline_rescue(facts, main.address)


def _write_return(facts: Facts, address: str) -> Iterator[Block]:
    """Write the commands that bring everything out of the vault."""
    if facts.offered.has("recover"):
        yield Paragraph(
            (
                say(
                    "Configuration, hooks and this runbook come out of the newest whole snapshot; then the plan is "
                    "shown, with what is missing:"
                ),
            )
        )
        yield Commands(
            (
                NEW_FOLDER,
                f'rebond recover {address} --to "$TO" --dry-run',
                f'rebond recover {address} --to "$TO" --yes',
            )
        )
        yield Paragraph(
            (
                say(
                    "Without {option} all of it goes to the places that it had, and the commands of the stack are run: "
                    "that is what you want on the machine that takes over.",
                    option=Code("--to"),
                ),
                say(
                    "Databases come back in that run too: a server that does not answer is started from what came "
                    "back, gets its roles, and is loaded. A step that fails undoes nothing: mend what it names, then "
                    "{command}",
                    command=Code("rebond restore --resume RUN"),
                ),
                say(
                    "As it was at an earlier moment, such as before a break-in: {command}",
                    command=Code(f"rebond recover {address} --at '2026-02-04 14:32:07' --dry-run"),
                ),
            )
        )
    else:
        yield Paragraph((say("Everything, below a new folder; the configuration lies in every snapshot:"),))
        yield Commands((NEW_FOLDER, f'rebond restore latest --vault {address} --to "$TO"'))


def _name_configuration(facts: Facts) -> str:
    """Return where the configuration lies below a root that it came back to, as a word for a shell."""
    first = facts.machine.configuration_files[0]
    is_below = first.is_relative_to(facts.machine.root)
    return quote(str(first.relative_to(facts.machine.root)) if is_below else first.name)


def _write_without_rebond(address: str, stack: str) -> Iterator[Block]:
    yield Heading(4, say("Without Rebond"), "5.9.1")
    yield Paragraph(
        (
            say(
                "Every vault carries a small program that restores files, and the page that describes the "
                "format. It needs Python and three libraries. Compare its sum with that of the kit first, since "
                "whoever could write in the vault could have changed it; then it asks for the recovery key:"
            ),
        )
    )
    folder, copying = find_folder(address)
    if folder == COPY:
        yield Paragraph(
            (
                say(
                    "It reads a folder. So copy all of {address} into {folder} first, with any tool that reaches it.",
                    address=Code(address),
                    folder=Code(folder),
                ),
                *((say("For instance: {command}", command=Code(copying)),) if copying else ()),
            )
        )
    rescue, wanted = f"{folder}/rescue", f"{folder} latest ~/back {quote(stack)}"  # it may hold other stacks too
    yield Output(
        f"sha256sum {rescue}/rescue-*.py\n"
        "python3 -m venv ~/libs && ~/libs/bin/pip install cryptography zstandard blake3\n"
        f'~/libs/bin/python "$(ls {rescue}/rescue-*.py | sort -V | tail -1)" {wanted}'
    )


def write_health(facts: Facts) -> Iterator[Block]:
    """Write what is asked when all is back."""
    probes = facts.configuration.restore.healthy if facts.configuration.restore else ()
    if probes:
        yield Grid((say("question"), say("good is"), say("within")), [_probe_row(each) for each in probes])
    yield Boxes(write_open_boxes(list_questions("restored")))
    yield Paragraph((say("The sheet of the day, to be filled in by hand:"),))
    yield Grid((say("step"), say("began"), say("ended"), say("who")), [(each, "", "", "") for each in _STEPS])


def _probe_row(probe: Probe) -> tuple[Text, ...]:
    if probe.url is not None:
        return show_words(probe.url), say("HTTP status {status}", status=probe.status), show_span(probe.within)
    return Code(show_run(probe.run or "")), say("exit status 0"), show_span(probe.within)
