"""What does not come back with single tables, or may go wrong elsewhere: told before they come back."""

from rebond.findings import Finding, Severity
from rebond.sources.postgres.exchanged_tables import Exchange, MadeTables
from rebond.sources.postgres.left_out import tell_left_out
from rebond.sources.postgres.pointing import tell_pointing


def list_doubts(component: str, exchange: Exchange, made: MadeTables) -> list[Finding]:
    """Return all that is known before."""
    return [
        *list_lost(component, made),
        *_list_published(component, exchange),
        *tell_pointing(component, exchange.pointing),
        *_list_reworked(component, exchange),
        *tell_left_out(component, exchange.left_out),
    ]


def list_lost(component: str, made: MadeTables) -> list[Finding]:
    """Return what went with the tables and does not come back with them."""
    if not made.lost_views:
        return []
    return [
        Finding(
            code="views-stay-gone",
            severity=Severity.WARNING,
            subject=component,
            template="The views {views} went with their table, and do not come back with it.",
            hint_template="'rebond cat SNAPSHOT {file}' shows how each was made.",
            values={"views": ", ".join(made.lost_views), "file": f"{component}/pre-data.sql"},
        )
    ]


def _list_published(component: str, exchange: Exchange) -> list[Finding]:
    findings = []
    if exchange.publishing_all:
        findings.append(
            Finding(
                code="beside-is-published",
                severity=Severity.WARNING,
                subject=component,
                template="The publications {names} send all tables of {database}, also those in which the rows lie "
                "beside: a subscriber that has none of that name stops at them.",
                hint_template="Where one has subscribers, let it name its tables before (CREATE PUBLICATION … FOR "
                "TABLE …); or make there the tables that the subscriber's log asks for, empty.",
                values={"names": ", ".join(exchange.publishing_all), "database": exchange.database},
            )
        )
    if exchange.publishing_rows:
        findings.append(
            Finding(
                code="rows-stay-at-subscribers",
                severity=Severity.WARNING,
                subject=component,
                template="The publications {names} send rows, and not that a table was emptied: a subscriber keeps its "
                "rows, and gets those that come back beside them, or stops at them.",
                hint_template="Where one has subscribers, let it say before: ALTER PUBLICATION … SET (publish = "
                "'insert, update, delete, truncate');",
                values={"names": ", ".join(exchange.publishing_rows)},
            )
        )
    return findings


def _list_reworked(component: str, exchange: Exchange) -> list[Finding]:
    if not exchange.reworked:
        return []
    return [
        Finding(
            code="worked-out-otherwise",
            severity=Severity.WARNING,
            subject=component,
            template="The columns {columns} are worked out by another rule now than when they were saved: they get "
            "the values of now, and not those of then.",
            hint_template="'rebond cat SNAPSHOT {file}' shows the rule of then. Where it is to be that one, change the "
            "column first.",
            values={"columns": ", ".join(exchange.reworked), "file": f"{component}/pre-data.sql"},
        )
    ]
