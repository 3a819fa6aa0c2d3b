"""``rebond wal status``: how far the log of each component is saved, and what is missing in it."""

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import tr
from rebond.cli.output.tables import format_facts
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.wal.at_hand import notes_of, wal_socket_of
from rebond.cli.wal.components import choose_components
from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError, WalGap
from rebond.operations.physical.leading import has_base
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.operations.wal.coverage import Coverage, list_clusters, survey_wal
from rebond.operations.wal.fetching import read_ways
from rebond.operations.wal.holes import LogOnServer
from rebond.operations.wal.ledger import WalNotes, read_notes
from rebond.operations.wal.standing import ARCHIVING, Standing, describe, judge
from rebond.operations.wal.standing_findings import say_no_daemon, say_not_asked
from rebond.operations.wal.tails import find_tail_end, list_tails
from rebond.schedule.stack_folders import folder_of
from rebond.sources.postgres.wal_facts import WalFacts
from rebond.sources.postgres.wal_names import format_lsn, segment_name
from rebond.stack.wal import ask_server
from rebond.stack.wal_places import is_answered
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
    chosen = choose_components(loaded, component)
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
    noticed = []
    try:
        facts = ask_server(name, component, loaded)
    except SourceError as error:
        noticed.append(say_not_asked(name, error))
    socket = wal_socket_of(invocation, loaded)
    if component.wal == "archive-command" and component.inside is None and not is_answered(socket):
        noticed.append(say_no_daemon(name, str(socket)))
    notes = read_notes(notes_of(folder_of(invocation.state_folder, loaded), name))
    system_id = _find_cluster(vault, facts, notes)
    tails = list_tails(vault, system_id) if system_id else ()  # before what is whole: a segment may end meanwhile
    coverage = survey_wal(vault, system_id) if system_id else None
    timeline = facts.timeline if facts is not None else max(coverage.timelines, default=0) if coverage else 0
    records = list_snapshots(vault, SnapshotFilter(stack=loaded.configuration.stack.name)) if coverage else []
    coming = LogOnServer(coverage, facts, archives=component.wal == ARCHIVING).with_what_waits() if coverage else None
    return judge(
        name,
        coverage=coverage,
        facts=facts,
        notes=notes,
        since_ms=now_ms - component.window * 1000 if component.window else 0,
        way=component.wal or "",
        now_ms=now_ms,
        noticed=noticed,
        tail_lsn=_find_tail(vault, coverage, timeline) if component.wal == "receive" and coverage is not None else 0,
        ways=read_ways(vault, coverage, tails) if coverage else None,
        tails=tails,
        has_base=has_base(vault, name, records, coming, timeline) if coming is not None else None,
    )


def _find_tail(vault: Vault, coverage: Coverage, timeline: int) -> int:
    """Return how far the pieces reach of the segment behind the last whole one; 0 where there are none."""
    last = coverage.timelines.get(timeline)
    if last is None:
        return 0
    name = segment_name(last.timeline, last.last + 1, coverage.segment_bytes)
    end = find_tail_end(vault, coverage.system_id, name)
    return (last.last + 1) * coverage.segment_bytes + end if end else 0


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
    rows = [(tr("component"), standing.component), (tr("verdict"), _sum_up(standing, now_ms))]
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


def _sum_up(standing: Standing, now_ms: int) -> str:
    """Say in one line whether somebody has to get up."""
    ago = format_span(max(0, now_ms - standing.newest_ms) / 1000)
    if standing.has_gaps:
        return tr("BROKEN: something is missing in the middle, see below")
    if not standing.newest_ms:
        return tr("NOTHING is saved yet")
    if standing.has_no_base:
        return tr("NO BASE: what is saved of the log leads nowhere yet, see below")
    if standing.facts is None:
        return tr("not known: the server does not answer; what is saved ends {ago} ago", ago=ago)
    behind = format_size(standing.behind_bytes or 0)
    if not standing.findings:
        return tr("good: {size} are on the server alone", size=behind)
    if (standing.behind_bytes or 0) < standing.facts.segment_bytes:
        return tr("saved, but see below: {size} are on the server alone", size=behind)
    return tr("BEHIND: {size} are on the server alone, the last whole file came {ago} ago", size=behind, ago=ago)
