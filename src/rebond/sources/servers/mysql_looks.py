"""What a dump of MySQL or MariaDB would lack: asked of the server before, since the tools leave it out in silence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from rebond.findings import Finding, Severity
from rebond.sources.servers.mysql import MysqlServer, begin_script, describe_address

_MOST_NAMED = 5
_SCRIPT = """\
for tool in mariadb-dump mysqldump; do
  command -v "$tool" >/dev/null 2>&1 || continue
  "$tool" --no-defaults --help 2>/dev/null </dev/null | grep -q -e --dump-history && printf 'tool\\thistory\\n'
  "$tool" --print-defaults 2>/dev/null </dev/null | tr ' ' '\\n' |
    sed -n -e 's/^--\\(ignore[-_][a-z_-]*\\)=.*/option\\t\\1/p' -e 's/^--\\(where\\)=.*/option\\t\\1/p'
  break
done
for each in mariadb mysql; do
  if command -v "$each" >/dev/null 2>&1; then exec "$each" "$@"; fi
done
echo "neither mariadb nor mysql is installed" >&2
exit 127
"""
_SYSTEM = "'mysql', 'sys', 'information_schema', 'performance_schema'"
_SETS = "'sjis', 'cp932', 'ujis', 'eucjpms', 'euckr', 'gb2312', 'gbk', 'big5'"
_WITHOUT_MOMENT = "SELECT engine FROM information_schema.engines WHERE transactions <> 'YES' AND engine <> 'BLACKHOLE'"
_TABLE, _COLUMN = "concat(table_schema, '.', table_name)", "concat(table_schema, '.', table_name, '.', column_name)"
_QUESTIONS = {  # what is named, and where it stands
    "history": (_TABLE, "tables WHERE table_type = 'SYSTEM VERSIONED'"),
    # only MariaDB from 10.3 on reads what stands in the comment: others have no such history, old ones no such column
    "precise": (
        _TABLE,
        "columns WHERE 0 /*M!100300 + 1 AND generation_expression = 'ROW START' */ AND data_type = 'bigint'",
    ),
    "moment": (_TABLE, f"tables WHERE table_type = 'BASE TABLE' AND engine IN ({_WITHOUT_MOMENT})"),
    "digits": (_COLUMN, "columns WHERE data_type = 'float' AND numeric_scale IS NULL"),
    "letters": (_COLUMN, f"columns WHERE character_set_name IN ({_SETS})"),
}
_NAME = r"""(\*|`(?:[^`]|``)*`|"(?:[^"]|"")*")"""  # the second where sql_mode has ANSI_QUOTES
_GRANT = re.compile(rf"GRANT (.+?) ON (?:TABLE )?{_NAME}\.{_NAME} TO ")
_REVOKED = re.compile(rf"REVOKE (.+?) ON {_NAME}\.{_NAME} FROM ")
_GRANT_OF_ROLE = re.compile(r"""GRANT [`'"][^,]* TO """)
_OWN_DATABASES = frozenset({"mysql", "sys", "information_schema", "performance_schema"})
_EVERYTHING, _ALL = "ALL PRIVILEGES", "*"
_SEES_ROUTINES = ("EXECUTE", "ALTER ROUTINE")


_NO_TABLES = Finding(
    code="unseen-tables",
    severity=Severity.WARNING,
    subject="",
    template="The user of {component} may not read every table of {names}: what it does not see is not in the dump.",
    hint_template="Grant it SELECT, SHOW VIEW, TRIGGER and EVENT there (* means all databases).",
)
_NO_TRIGGERS = Finding(
    code="unseen-triggers",
    severity=Severity.WARNING,
    subject="",
    template="The user of {component} may not see the triggers of {names}: if there are any, the dump lacks them.",
    hint_template="Grant it TRIGGER there (* means all databases).",
)
_NO_ROUTINES = Finding(
    code="unseen-routines",
    severity=Severity.WARNING,
    subject="",
    template="The user of {component} may not see the routines of {names}: if there are any, the dump lacks them.",
    hint_template="Grant it SELECT on mysql.proc (MariaDB) or SHOW_ROUTINE on *.* (MySQL).",
)
_TAKEN_BACK = Finding(
    code="unseen-unknown",
    severity=Severity.WARNING,
    subject="",
    template="The user of {component} had rights taken back on {names}: whether it sees all there is not known.",
    hint_template="See SHOW GRANTS; grant it there what was revoked, or use another user.",
)
_NO_HISTORY = Finding(
    code="history-left-out",
    severity=Severity.WARNING,
    subject="",
    template="The history of {names} is not in the dump, only the rows that are valid now.",
    hint_template="Use mariadb-dump of 10.11 or newer. It takes none while one table has a history by transactions.",
)
_LEFT_OUT = Finding(
    code="left-out-by-options",
    severity=Severity.WARNING,
    subject="",
    template="A my.cnf leaves something out of the dump of {component}: {names}.",
    hint_template="Take that out of [mysqldump] or [mariadb-dump] there.",
)
_OTHER_MOMENT = Finding(
    code="another-moment",
    severity=Severity.NOTE,
    subject="",
    template="These tables know no transactions, so each is of a moment of its own in the dump: {names}.",
    hint_template="ALTER TABLE … ENGINE=InnoDB makes them of one moment with the others.",
)
_DIGITS = Finding(
    code="digits-left-out",
    severity=Severity.NOTE,
    subject="",
    template="The dump has six digits of columns of the type FLOAT, which may hold seven or more: {names}.",
    hint_template="ALTER TABLE … MODIFY … DOUBLE keeps all that they hold, and a dump has all of it.",
)
_LETTERS = Finding(
    code="letters-changed",
    severity=Severity.NOTE,
    subject="",
    template="Letters that Unicode knows otherwise, or not at all, come back as others in {names}: their sets are old.",
    hint_template="ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 shows what it would be.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What was seen: names by what was asked, and what the user was granted."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    grants: tuple[str, ...] = ()

    @property
    def takes_history(self) -> bool:
        """Whether the tool can be told to take the history of tables, and there is some that it can take."""
        return bool(self.names.get("history") and self.names.get("tool")) and not self.names.get("precise")


def build_look(server: MysqlServer) -> tuple[str, ...]:
    """Return the command that asks; it reads ``describe_login`` on its input, as the dump does."""
    chosen = f"table_schema NOT IN ({_SYSTEM})"
    if _ALL not in server.databases:
        chosen = f"table_schema IN ({', '.join(map(_quote, server.databases))})"
    queries = [
        f"SELECT '{kind}', {named} FROM information_schema.{where} AND {chosen}"  # noqa: S608 - quoted
        for kind, (named, where) in _QUESTIONS.items()
    ]
    asked = "; ".join([*queries, "SHOW GRANTS"])
    words = ("--defaults-extra-file=/dev/stdin", *describe_address(server), "--batch", "--skip-column-names")
    options = ("--no-auto-rehash", "--default-character-set=utf8mb4", f"--execute={asked}")
    return ("sh", "-c", begin_script(server) + _SCRIPT, "sh", *words, *options)


def read_looks(answer: bytes) -> Looks:
    """Return what the command answered."""
    names: dict[str, list[str]] = {}
    grants = []
    for line in answer.decode(errors="backslashreplace").split("\n"):
        kind, tab, name = line.partition("\t")
        if tab:
            names.setdefault(kind, []).append(name)
        elif line.startswith(("GRANT ", "REVOKE ")):
            grants.append(line)
    return Looks(names={kind: sorted(each) for kind, each in names.items()}, grants=tuple(grants))


def list_findings(looks: Looks, server: MysqlServer, component: str) -> list[Finding]:
    """Return what the dump will lack, or hold otherwise."""
    found = [*_judge_rights(looks, server, component)]
    history = looks.names.get("history", ())
    if history and not looks.takes_history:
        found.append(_name(_NO_HISTORY, component, history))
    for kind, lack in (("option", _LEFT_OUT), ("moment", _OTHER_MOMENT), ("digits", _DIGITS), ("letters", _LETTERS)):
        if names := looks.names.get(kind):
            found.append(_name(lack, component, names))
    return found


def _judge_rights(looks: Looks, server: MysqlServer, component: str) -> Iterator[Finding]:
    """Yield what the user may not see: the tools show only what is theirs to see, and say nothing of the rest."""
    if not looks.grants or any(_GRANT_OF_ROLE.match(each) for each in looks.grants):
        return  # what a role may is shown by some servers only
    taken = {_read_grant(found)[1] for each in looks.grants if (found := _REVOKED.match(each))} - _OWN_DATABASES
    if names := sorted(each for each in taken if _ALL in server.databases or each in server.databases):
        yield _name(_TAKEN_BACK, component, names)
    rights = [_read_grant(found) for each in looks.grants if (found := _GRANT.match(each))]

    def has(wanted: Sequence[str], database: str, table: str = _ALL) -> bool:
        return any(
            _covers(on, database) and of in {_ALL, table} and (given & {_EVERYTHING, *wanted})
            for given, on, of in rights
        )

    databases = tuple(each for each in server.databases if each != _ALL) if _ALL not in server.databases else (_ALL,)
    sees_all_routines = has(("SELECT",), "mysql", "proc") or has(("SHOW_ROUTINE",), _ALL)
    for lack, wanted in ((_NO_TABLES, ("SELECT",)), (_NO_TRIGGERS, ("TRIGGER",)), (_NO_ROUTINES, _SEES_ROUTINES)):
        if lack is _NO_ROUTINES and sees_all_routines:
            continue
        unseen = [each for each in databases if not has(wanted, each)]
        if unseen:
            yield _name(lack, component, unseen)


def _read_grant(found: re.Match[str]) -> tuple[frozenset[str], str, str]:
    given = frozenset(each.strip().upper() for each in re.sub(r"\([^)]*\)", " (", found[1]).split(","))
    on, of = (each if each == _ALL else each[1:-1].replace(each[0] * 2, each[0]) for each in (found[2], found[3]))
    return given, on, of


def _covers(on: str, database: str) -> bool:
    """Say whether a right on a database, whose name may hold ``%`` and ``_`` as patterns, is one on this."""
    if _ALL in {on, database}:
        return on == _ALL
    parts = re.findall(r"\\.|.", on.replace("\\\\", "\\"), re.DOTALL)
    shape = "".join({"%": ".*", "_": "."}.get(each) or re.escape(each.removeprefix("\\")) for each in parts)
    return re.fullmatch(shape, database, re.DOTALL) is not None


def _quote(text: str) -> str:
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _name(lack: Finding, component: str, names: Sequence[str]) -> Finding:
    shown = [*names[:_MOST_NAMED], *(["…"] if len(names) > _MOST_NAMED else [])]
    return replace(lack, subject=component, values={"component": component, "names": ", ".join(shown)})
