"""The questions of the checklists: those that a program can answer by looking, and those that people answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebond.pages.blocks import Box
from rebond.pages.words import Sentence, say


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to be ticked. ``code`` never changes once released."""

    code: str
    words: Sentence


CHECKLISTS: Mapping[str, Sequence[Question]] = {
    "before": (
        Question("configuration", say("The configuration can be used")),
        Question("services", say("The services run, and the databases answer")),
        Question("programs", say("The programs are there, in the versions that are needed")),
        Question("vault", say("The vault answers, and this key may write to it")),
        Question("room", say("There is room: twice what will be new, and more than the reserve")),
        Question("rights", say("What is to be saved can be read, and what has to be written can be written")),
        Question("clock", say("The clock is right")),
        Question("idle", say("No other run holds the stack")),
        Question("window", say("No maintenance window and no pause")),
        Question("version", say("The version that runs is written down (commit, images, migrations)")),
        Question("quiet", say("Services that are not needed are stopped")),
        Question("told", say("The team knows")),
    ),
    "during": (
        Question("running", say("A run is under way")),
        Question("progress", say("It moves on")),
        Question("errors", say("Nothing in the log says error")),
        Question("load", say("The processors keep up")),
        Question("memory", say("There is memory left")),
        Question("space", say("There is room left, here and in the vault")),
        Question("bandwidth", say("The network is not full")),
    ),
    "after": (
        Question("ended", say("The last backup ended well")),
        Question("young", say("It is younger than its rhythm")),
        Question("whole", say("The newest snapshot is whole")),
        Question("size", say("Its size is what one would expect, beside the one before")),
        Question("verified", say("The vault was read back after it")),
        Question("permissions", say("The vault's folder is readable by its owner alone")),
        Question("room", say("There is room for the next one")),
        Question("notice", say("The notice arrived")),
        Question("log", say("The log is kept, and somebody looked at it")),
        Question("recorded", say("What came of it is written down")),
        Question("drilled", say("A restore of it was tried")),
        Question("told", say("The team knows")),
    ),
    "maintenance": (
        Question("schedule", say("The runs are started by something, and started lately")),
        Question("failed", say("No run of the last week failed")),
        Question("verified", say("Everything was read back within a week")),
        Question("drilled", say("A restore was tried within a month")),
        Question("objectives", say("The objectives are held by what was measured")),
        Question("forgotten", say("What retention lets go was let go, and its room freed")),
        Question("ledger", say("Nothing in the ledger was altered or taken out")),
        Question("copies", say("There are three copies, on two media, one elsewhere")),
        Question("keys", say("Everybody who holds a key still has to")),
        Question("kit", say("The recovery kit is printed, and lies in the safe")),
        Question("doctor", say("The doctor finds nothing to mend")),
        Question("runbook", say("The runbook is younger than a month, and printed")),
        Question("contacts", say("The contacts are right")),
        Question("trained", say("Somebody who never did it has restored with the runbook")),
    ),
    "restore": (
        Question("decided", say("Who decides has decided: restore, and up to which moment")),
        Question("stopped", say("What writes is stopped, so that it grows no worse")),
        Question("kept", say("What is there now is kept: nothing was deleted, also nothing damaged")),
        Question("paused", say("Nothing runs unattended meanwhile: `rebond pause --reason WHY`")),
        Question("chosen", say("The snapshot is chosen, and it is from before the damage")),
        Question("room", say("There is room beside what is there")),
    ),
    "restored": (
        Question("answers", say("The application answers, and somebody who knows it has looked")),
        Question("newest", say("The newest rows and files are those of the moment that was chosen")),
        Question("secrets", say("Secrets are readable by their owner alone")),
        Question("resumed", say("What was paused goes on, and a backup was made: `rebond resume`")),
        Question("told", say("People know which hours are lost")),
        Question("written", say("What happened, and how long each step took, is written down")),
    ),
    "daily": (
        Question("ran", say("The backup of the night ran, and its snapshot is in the list")),
        Question("good", say("Its exit status is 0")),
        Question("notice", say("The notice arrived")),
        Question("room", say("More than a tenth of the room is free")),
        Question("log", say("The log says no error")),
    ),
}
ASKED = ("before", "during", "after", "maintenance")  # what the command offers


def list_questions(checklist: str) -> Sequence[Question]:
    """Return the questions of a checklist."""
    return CHECKLISTS[checklist]


def write_open_boxes(questions: Sequence[Question]) -> list[Box]:
    """Return the questions as boxes that nobody has ticked."""
    return [Box(each.words) for each in questions]
