"""How a data directory is told to replay the log, and where to stop: the settings that PostgreSQL reads at its start.

Each line of ours ends with a mark. When recovery has ended the server itself takes those lines out; ``archive_mode``
stays off until somebody says otherwise, so a server that was restored never writes into the archive of another. Nor
does it take from a publisher what that one holds for another: where it may subscribe, that stays off as well.
"""

import re
from collections.abc import Iterable, Mapping

MARK = "# rebond: recovery"
SUBSCRIBER = "# rebond: nothing is taken from publishers"
LOG_FOLDER = "rebond-wal"  # the log that is laid beside, inside the data directory
FETCH = "fetch.sh"
LISTED = "names"
SIGNAL = "recovery.signal"
AUTO, CONFIGURATION = "postgresql.auto.conf", "postgresql.conf"
_TARGET = re.compile(
    rb"^(?=\s*(?:recovery_target\w*|restore_command|recovery_end_command)\b)", re.IGNORECASE | re.MULTILINE
)
_OURS = re.compile(
    r"\s*(recovery_target\w*|restore_command|recovery_end_command|archive_cleanup_command|primary_conninfo"
    r"|primary_slot_name|archive_mode|archive_command|archive_library|standby_mode|synchronous_standby_names)\b",
    re.IGNORECASE,
)
# Exit 1 means "the log ends here" to PostgreSQL: it is said only of what was never laid here. A file that was laid and
# is gone, a full disk, a script that is gone or cut (2 of some shells): all of that is 255, and the server stops.
_DONE, _ABSENT = 70, 71
_FETCH = f"""\
#!/bin/sh
# Called by PostgreSQL: fetch.sh NAME TARGET. 70 it is there now; 71 it never was; anything else: stop.
folder=${{0%/*}}
[ -r "$folder/{LISTED}" ] || exit 200
if [ -f "$folder/$1" ]; then
  cp "$folder/$1" "$2.part" && mv "$2.part" "$2" && exit {_DONE}
  exit 201
fi
grep -qxF "$1" "$folder/{LISTED}"
case $? in
  1) exit {_ABSENT} ;;
  0) echo "rebond: $1 was laid here and is gone" >&2; exit 202 ;;
  *) exit 203 ;;
esac
"""
# The catalogue of subscriptions (6100 in every version) is an empty file where there never was one. Where that cannot
# be told, its file having another name, say, the line stays.
_NEVER_SUBSCRIBED = (
    'od -An -v -tu4 -w8 -j8 global/pg_filenode.map | grep -q "^ *6100 *6100 *$"'
    " && [ -f global/6100 ] && [ ! -s global/6100 ]"
)
_END = (
    f'sed -i "/{MARK}\\$/d" {AUTO} && rm -rf {LOG_FOLDER}'
    f' && {{ if {_NEVER_SUBSCRIBED}; then sed -i "/{SUBSCRIBER}\\$/d" {AUTO}; fi; }}'
)
RESTORE_FROM_FOLDER = (
    f'sh {LOG_FOLDER}/{FETCH} "%f" "%p"; case $? in {_DONE}) exit 0 ;; {_ABSENT}) exit 1 ;; *) exit 255 ;; esac'
)


def write_fetch() -> bytes:
    """Return the program that hands PostgreSQL the files of the log that were laid beside."""
    return _FETCH.encode()


def write_listed(names: Iterable[str]) -> bytes:
    """Return the list of what was laid beside."""
    return "".join(f"{each}\n" for each in names).encode()


def write_settings(
    present: bytes,
    *,
    restore_command: str,
    setting: str,
    value: str,
    is_inclusive: bool,
    timeline: int,
    action: str,
    floors: Mapping[str, str],
) -> bytes:
    """Return ``postgresql.auto.conf`` with one recovery target, and without any that was there.

    ``floors`` are settings that the log wants to be no lower than they were.
    """
    lines = present.decode("utf-8", errors="surrogateescape").splitlines()
    kept = [line for line in lines if not _OURS.match(line) and not line.endswith(SUBSCRIBER)]
    ours = {
        "restore_command": restore_command,
        "recovery_end_command": _END,
        setting: value,
        **({"recovery_target_inclusive": "on" if is_inclusive else "off"} if setting != "recovery_target" else {}),
        "recovery_target_timeline": str(timeline),
        "recovery_target_action": action,
        **floors,
    }
    if setting in {"recovery_target", "recovery_target_name"}:
        ours.pop("recovery_target_inclusive", None)
    lines = [f"{name} = {quote_setting(text)} {MARK}" for name, text in ours.items()]
    lines.append(f"max_logical_replication_workers = {quote_setting('0')} {SUBSCRIBER}")
    lines.append(f"archive_mode = {quote_setting('off')}")
    return ("\n".join([*kept, *lines]) + "\n").encode(errors="surrogateescape")


def comment_out_targets(present: bytes) -> bytes:
    """Return ``postgresql.conf`` without the targets of an earlier recovery: two at once are refused."""
    return _TARGET.sub(b"#rebond# ", present)


def quote_setting(text: str) -> str:
    """Return a value as a file of settings wants it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
