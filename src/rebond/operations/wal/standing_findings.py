"""What can be wrong with a component's write-ahead log, in words: each with what to do about it."""

from rebond.findings import Finding, Severity
from rebond.operations.wal.holes import Whereabouts
from rebond.operations.wal.ledger import WalNotes
from rebond.units import format_moment, format_size, format_span

GAP = "wal-gap"
GAP_BETWEEN = "wal-gap-between"  # of two timelines; a base behind it does without
NO_BASE = "wal-no-base"
_PUSH_OR_SAVE = (
    "While the server still has them in pg_wal, push them by hand with rebond-wal. Else no moment in the gap can be "
    "reached: save the component now, so that a new base begins behind it."
)


def say_nothing_yet(component: str) -> Finding:
    """No file ever came."""
    return Finding(
        code="wal-nothing",
        severity=Severity.WARNING,
        subject=component,
        template="Nothing of the write-ahead log of {component} was ever saved.",
        hint_template="'rebond wal settings' prints the lines for postgresql.conf.",
        values={"component": component},
    )


def say_late(component: str, gap: str) -> Finding:
    """Something is missing in the middle, and the server has had it ready for long."""
    return Finding(
        code="wal-late",
        severity=Severity.WARNING,
        subject=component,
        template="{gap} of the write-ahead log of {component} did not come yet, though later files did: the server has "
        "it, and it waits there to be archived.",
        hint_template="Until it comes, no moment behind it can be reached. The server's own log says why it waits, in "
        "lines that begin with rebond-wal.",
        values={"component": component, "gap": gap},
    )


def say_gap(component: str, gap: str, whereabouts: Whereabouts) -> Finding:
    """Something is missing in the middle; what is to be done goes by where it may still be."""
    match whereabouts:
        case Whereabouts.KEPT:
            return _say_gap_kept(component, gap)
        case Whereabouts.GONE:
            return _say_gap_gone(component, gap)
        case Whereabouts.NOT_SHOWN:
            return _say_gap_not_shown(component, gap)
        case _:
            return _say_gap_not_asked(component, gap)


def _say_gap_kept(component: str, gap: str) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="The write-ahead log of {component} has a gap: {gap} never came. The server still has it in pg_wal, "
        "and will not bring it by itself.",
        hint_template="Push it by hand before the server removes it, as the server's user in its data directory: "
        "rebond-wal --config FILE push pg_wal/NAME",
        values={"component": component, "gap": gap},
    )


def _say_gap_gone(component: str, gap: str) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="The write-ahead log of {component} has a gap: {gap} never came, and the server does not have it.",
        hint_template="Where another server still has it in pg_wal, such as one that was replaced, push it from there "
        "with rebond-wal. Else no moment in the gap can be reached: save the component now, so that a new base begins "
        "behind it.",
        values={"component": component, "gap": gap},
    )


def _say_gap_not_asked(component: str, gap: str) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="The write-ahead log of {component} has a gap: {gap} never came. Whether the server still has it is "
        "not known, for it was not asked.",
        hint_template=_PUSH_OR_SAVE,
        values={"component": component, "gap": gap},
    )


def _say_gap_not_shown(component: str, gap: str) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="The write-ahead log of {component} has a gap: {gap} never came. Whether the server still has it is "
        "not known, for its user may not look into pg_wal (GRANT pg_monitor TO that user).",
        hint_template=_PUSH_OR_SAVE,
        values={"component": component, "gap": gap},
    )


def say_no_history(component: str, timeline: int) -> Finding:
    """The file that says where a timeline comes from is missing."""
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="Of the write-ahead log of {component} the file {gap} is missing, so nobody can tell where its "
        "timeline comes from.",
        hint_template="The server that made the timeline still has it in pg_wal: push it by hand with rebond-wal.",
        values={"component": component, "gap": f"{timeline:08X}.history"},
    )


def say_history_proven(component: str, timeline: int) -> Finding:
    """The file that says where a timeline comes from is missing, and stands in that of a later one."""
    return Finding(
        code="wal-history",
        severity=Severity.WARNING,
        subject=component,
        template="Of the write-ahead log of {component} the file {history} is missing. What it says stands in the "
        "history of a later timeline, where a restore takes it from: nothing is lost.",
        hint_template="A server that went through that timeline has the file in pg_wal: push it by hand with "
        "rebond-wal, as long as you want to go back to that timeline.",
        values={"component": component, "history": f"{timeline:08X}.history"},
    )


def say_no_base(component: str, timeline: int) -> Finding:
    """No base leads to the log that comes."""
    return Finding(
        code=NO_BASE,
        severity=Severity.WARNING,
        subject=component,
        template="No base backup leads to what the server of {component} writes now, on timeline {timeline}: of all "
        "that came since then nothing can be brought back.",
        hint_template="Save it now, so that a new base begins: rebond backup {component}",
        values={"component": component, "timeline": timeline},
    )


def say_failing(component: str, notes: WalNotes) -> Finding:
    """What came last could not be saved. The moment tells a fault of now from one that nobody asks about any more."""
    if notes.is_refused:
        return Finding(
            code="wal-failing",
            severity=Severity.WARNING,
            subject=component,
            template="The log of {component} is not received, as of {moment}: {reason}",
            hint_template="Its slot holds the log back on the server, whose disk fills until this is mended.",
            values={"component": component, "moment": format_moment(notes.fault_ms), "reason": notes.fault},
        )
    if notes.lies_in:
        return Finding(
            code="wal-failing",
            severity=Severity.WARNING,
            subject=component,
            template="What came of the log of {component} lies in its spool and is not in the vault, as of {moment}: "
            "{reason}",
            hint_template="Do not delete {path}: the server may not have it any more. Mend what it says; then the "
            "receiver puts it into the vault by itself.",
            values={
                "component": component,
                "moment": format_moment(notes.fault_ms),
                "reason": notes.fault,
                "path": notes.lies_in,
            },
        )
    return Finding(
        code="wal-failing",
        severity=Severity.WARNING,
        subject=component,
        template="The last file of {component} that came, {name}, could not be saved at {moment}: {reason}",
        hint_template="The server keeps it and asks again. Mend what it says before its disk is full.",
        values={
            "component": component,
            "name": notes.fault_name,
            "moment": format_moment(notes.fault_ms),
            "reason": notes.fault,
        },
    )


def say_foreign(component: str, found: str, own: int) -> Finding:
    """The server is another cluster."""
    return Finding(
        code="wal-foreign",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} is the cluster {found}, and what was saved last is of {own}.",
        hint_template="Look at which server the component names. After pg_upgrade or initdb, run "
        "'rebond wal adopt --data DIR'.",
        values={"component": component, "found": found, "own": own},
    )


def say_setting(component: str, name: str, found: str, wanted: str) -> Finding:
    """A setting of the server does not fit."""
    return Finding(
        code=f"wal-{name.replace('_', '-')}",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} has {name} = '{found}', and it takes {wanted}.",
        hint_template="'rebond wal settings' prints the lines for postgresql.conf.",
        values={"component": component, "name": name, "found": found, "wanted": wanted},
    )


def say_archiver_fails(component: str, name: str, count: int) -> Finding:
    """The archiver of the server fails."""
    return Finding(
        code="wal-archiver-fails",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} could not archive {name}; it failed {count} times.",
        hint_template="Its own log says why: rebond-wal writes it there.",
        values={"component": component, "name": name, "count": count},
    )


def say_waits(component: str, count: int, oldest: str, seconds: float) -> Finding:
    """Files wait on the server for too long."""
    return Finding(
        code="wal-waits",
        severity=Severity.WARNING,
        subject=component,
        template="{count} files of {component} wait to be archived, {oldest} for {span}.",
        hint_template="The server's own log says why, in lines that begin with rebond-wal; where there are none, run "
        "'rebond wal settings' and compare archive_command. Its disk fills until this is mended.",
        values={
            "component": component,
            "count": count,
            "oldest": oldest.removesuffix(".ready"),
            "span": format_span(seconds),
        },
    )


def say_behind(component: str, behind: int, seconds: float) -> Finding:
    """The server is far ahead of the vault."""
    return Finding(
        code="wal-behind",
        severity=Severity.WARNING,
        subject=component,
        template="{size} of the write-ahead log of {component} are on its server alone: nothing came for {span}.",
        hint_template="If the server is lost now, that is lost. Look at the other lines here, at the server's own log, "
        "and whether 'rebond serve' runs.",
        values={"component": component, "size": format_size(behind), "span": format_span(seconds)},
    )


def say_silent(component: str, last: str, seconds: float) -> Finding:
    """The server stopped archiving, and counts no failure."""
    return Finding(
        code="wal-silent",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} archived nothing for {span}, since {last}, though it went on writing.",
        hint_template="Its archiver may die each time, which it does not count as a failure: see the server's own log.",
        values={"component": component, "last": last, "span": format_span(seconds)},
    )


def say_no_slot(component: str) -> Finding:
    """There is no slot."""
    return Finding(
        code="wal-no-slot",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} has no slot of ours: nobody receives its log, and it keeps none for us.",
        hint_template="Start 'rebond serve', or 'rebond wal receive': it makes the slot.",
        values={"component": component},
    )


def say_not_received(component: str, slot: str, held: int) -> Finding:
    """The slot is there, and nobody uses it."""
    return Finding(
        code="wal-not-received",
        severity=Severity.WARNING,
        subject=component,
        template="Nobody receives the log of {component}: the slot {slot} is not in use, and the server holds {size} "
        "back for it.",
        hint_template="Start 'rebond serve', or see in its log why 'rebond wal receive' does not run.",
        values={"component": component, "slot": slot, "size": format_size(held)},
    )


def say_slot_nearly_lost(component: str, slot: str, safe: int) -> Finding:
    """The server will soon drop what a slot needs."""
    return Finding(
        code="wal-slot-short",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} drops what the slot {slot} still needs once it has written {size} more.",
        hint_template="Let 'rebond wal receive' catch up, or raise max_slot_wal_keep_size for now.",
        values={"component": component, "slot": slot, "size": format_size(safe)},
    )


def say_slot_lost(component: str, slot: str, state: str) -> Finding:
    """The server dropped what a slot needs."""
    return Finding(
        code="wal-slot",
        severity=Severity.WARNING,
        subject=component,
        template="The slot {slot} of {component} is {state}: the server does not keep what was not fetched yet.",
        hint_template="Where 'rebond wal receive' does not go on, run it once with --accept-gap. Save the component "
        "now, so that a new base begins; raise max_slot_wal_keep_size.",
        values={"component": component, "slot": slot, "state": state},
    )


def say_slot_behind(component: str, slot: str, name: str) -> Finding:
    """The slot waits for what is gone, and the server does not know it."""
    return Finding(
        code="wal-slot",
        severity=Severity.WARNING,
        subject=component,
        template="The slot {slot} of {component} waits for {name}, which its server does not have any more.",
        hint_template="Run 'rebond wal receive --accept-gap' once: it makes the slot anew. Save the component at "
        "once, so that a new base begins.",
        values={"component": component, "slot": slot, "name": name},
    )


def say_not_asked(component: str, reason: object) -> Finding:
    """The server does not answer, so nobody knows what is on it alone."""
    return Finding(
        code="wal-not-asked",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} was not asked: {reason}",
        hint_template="What it wrote since the last file came is on it alone: start it, or recover by "
        "'rebond restore --at latest'.",
        values={"component": component, "reason": reason},
    )


def say_no_daemon(component: str, path: str) -> Finding:
    """Nobody listens where the server's program asks."""
    return Finding(
        code="wal-no-daemon",
        severity=Severity.WARNING,
        subject=component,
        template="Nothing answers rebond-wal for {component} at {path}.",
        hint_template="Start 'rebond serve' (or see why it ended: 'rebond schedule show'). Until then the server keeps "
        "its log, and its disk fills.",
        values={"component": component, "path": path},
    )
