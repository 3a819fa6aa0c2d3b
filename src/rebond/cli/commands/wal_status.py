"""``rebond wal status``: how far the log of each component is saved, and what is missing in it."""

import click

from rebond.cli.answering import answer, note
from rebond.cli.configured import require_configuration
from rebond.cli.frame import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.observing import describe_finding
from rebond.cli.opening import vault_at_hand
from rebond.cli.speech import message_of, tr
from rebond.cli.tables import format_facts
from rebond.cli.wal_at_hand import notes_of
from rebond.cli.wal_components import choose_component, find_wal_components
from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError, WalGap
from rebond.operations.wal.coverage import list_clusters, survey_wal
from rebond.operations.wal.ledger import WalNotes, read_notes
from rebond.operations.wal.standing import Standing, describe, judge
from rebond.schedule.stack_folders import folder_of
from rebond.sources.postgres.wal_facts import WalFacts
from rebond.sources.postgres.wal_names import format_lsn, segment_name
from rebond.stack.wal import ask_server
from rebond.units import format_size, format_span
from rebond.vault.access import Vault

_DOUBTFUL = 3


@verb(
    "status",
    help="Say for each component that keeps its write-ahead log how far it is saved, how far the server is, what "
    "waits, what failed, and what is missing. Ends with 34 when something is missing, with 3 for a warning.",
    example="rebond wal status --json",
)
@option("--component", default="", metavar="NAME", help="Only this one.")
@click.pass_obj
def status(invocation: Invocation, component: str) -> int:
    """Return 34 for a gap, 3 for a warning."""
    loaded = require_configuration(invocation)
    chosen = dict([choose_component(loaded, component)]) if component else find_wal_components(loaded)
    if not chosen:
        choose_component(loaded)  # says what is missing
    clock = SystemClock()
    with vault_at_hand(invocation, lambda finding: note(invocation, describe_finding(finding))) as at_hand:
        standings = [
            _look(invocation, loaded, name, each, at_hand.live, clock.now_ms()) for name, each in chosen.items()
        ]
    now_ms = clock.now_ms()
    answer(
        invocation,
        [describe(each, now_ms) for each in standings],
        "\n\n".join(_write(each, now_ms) for each in standings),
    )
    if any(each.has_gaps for each in standings):
        return WalGap.exit_status
    return _DOUBTFUL if any(each.findings for each in standings) else 0


def _look(
    invocation: Invocation, loaded: Loaded, name: str, component: Postgres, vault: Vault, now_ms: int
) -> Standing:
    facts: WalFacts | None = None
    try:
        facts = ask_server(name, component, loaded)
    except SourceError as error:
        note(
            invocation,
            tr("The server of {component} was not asked: {reason}", component=name, reason=message_of(error)),
        )
    notes = read_notes(notes_of(folder_of(invocation.state_folder, loaded), name))
    system_id = _find_cluster(vault, facts, notes)
    return judge(
        name,
        coverage=survey_wal(vault, system_id) if system_id else None,
        facts=facts,
        notes=notes,
        since_ms=now_ms - component.window * 1000 if component.window else 0,
        way=component.wal or "",
    )


def _find_cluster(vault: Vault, facts: WalFacts | None, notes: WalNotes) -> int:
    """Return whose log is meant: what the server says, else what came here last, else the only one in the vault."""
    if facts is not None:
        return int(facts.system_id)
    if notes.system_id:
        return notes.system_id
    known = list_clusters(vault)
    return known[0] if len(known) == 1 else 0


def _write(standing: Standing, now_ms: int) -> str:
    coverage, facts, notes = standing.coverage, standing.facts, standing.notes
    rows = [(tr("component"), standing.component)]
    if coverage is not None:
        rows.append((tr("cluster"), str(coverage.system_id)))
        rows += [
            (
                tr("timeline {number}", number=each.timeline),
                tr(
                    "{first} to {last}, {size}",
                    first=segment_name(each.timeline, each.first, coverage.segment_bytes),
                    last=segment_name(each.timeline, each.last, coverage.segment_bytes),
                    size=format_size(each.stored_bytes),
                ),
            )
            for each in coverage.timelines.values()
        ]
    if standing.frontier:
        rows.append((tr("saved up to"), format_lsn(standing.frontier)))
    if facts is not None:
        rows.append((tr("server is at"), f"{facts.lsn} ({tr('timeline {number}', number=facts.timeline)})"))
        if standing.behind_bytes is not None:
            rows.append((tr("not saved yet"), format_size(standing.behind_bytes)))
        if facts.waiting is not None:
            rows.append((tr("files that wait"), str(facts.waiting.count)))
        rows.append((tr("failed"), str(facts.archiver.failed)))
        rows += [(tr("slot {name}", name=each.name), each.wal_status or "–") for each in facts.slots]
    if notes.last_name:
        ago = format_span(max(0, now_ms - notes.last_ms) / 1000)
        rows.append((tr("last archived"), tr("{name}, {span} ago", name=notes.last_name, span=ago)))
    return "\n".join([format_facts(rows), *map(describe_finding, standing.findings)])
