#!/bin/sh
# Loads a database that Rebond saved, with PostgreSQL's own psql, into a database that exists and is empty:
#
#     psql -d postgres -f globals.sql          once for a server: roles and tablespaces (those that exist complain)
#     createdb -T template0 shop               encoding and locale: see manifest.json
#     sh restore.sh "host=db dbname=shop user=postgres" [JOBS]
#
# Order: pre-data.sql, tables (largest first, JOBS at a time), large-objects.sql, sequences.sql, post-data.sql,
# key-triggers.sql.
# The rows of every table are counted. The first error ends it: then drop the database, and begin again.
set -eu
if [ $# -lt 1 ]; then
    sed -n 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
target=$1
jobs=${2:-2}
cd "$(dirname "$0")"
PGCLIENTENCODING=UTF8
if grep -qs '"encoding": "SQL_ASCII"' manifest.json; then PGCLIENTENCODING=SQL_ASCII; fi # any bytes, as they are
export PGCLIENTENCODING

run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$target" -f -; }

# A newer psql runs no command of its own out of what stands between these two lines: so no dump can make it.
key=
if psql --help=commands | grep -q '\\restrict'; then
    key=rebond$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
fi

load_script() {
    [ -r "$1" ] || { echo "$1 is missing" >&2; exit 1; }
    {
        if [ -n "$key" ]; then printf '\\restrict %s\n' "$key"; fi
        # Triggers of foreign keys that were turned off: no other server calls them so. key-triggers.sql finds them.
        LC_ALL=C sed '/^ALTER TABLE .* TRIGGER "RI_ConstraintTrigger_[ac]_[0-9]*";$/d' "$1"
        if [ -n "$key" ]; then printf '\\unrestrict %s\n' "$key"; fi
    } | run >/dev/null
}

load_table() { # ROWS FILE COMMAND
    [ -r "$2" ] || { echo "$2 is missing" >&2; exit 1; }
    count=$({
        printf '%s\n%s\n' "SET row_security = off;" "SET statement_timeout = 0;"
        if [ -n "$key" ]; then printf '\\restrict %s\n' "$key"; fi
        printf '%s\n' "$3"
        cat "$2"
        printf '%s\n' '\.'
        if [ -n "$key" ]; then printf '\\unrestrict %s\n' "$key"; fi
        printf '%s\n' '\echo :ROW_COUNT'
    } | run)
    [ "$count" = "$1" ] || { echo "$2: $count rows were loaded, $1 were saved" >&2; exit 1; }
}

load_share() { # NUMBER: every so many tables, from this one on
    awk -v n="$1" -v of="$jobs" 'NR % of == n' totals/tables.tsv | while IFS="$(printf '\t')" read -r rows file command; do
        load_table "$rows" "$file" "$command"
    done
}

[ -r totals/tables.tsv ] || { echo "totals/tables.tsv is missing" >&2; exit 1; }
load_script pre-data.sql

workers=
number=0
while [ "$number" -lt "$jobs" ]; do
    load_share "$number" &
    workers="$workers $!"
    number=$((number + 1))
done
failed=0
for each in $workers; do
    wait "$each" || failed=1
done
[ "$failed" = 0 ] || { echo "a table could not be loaded; nothing after the tables was" >&2; exit 1; }

if [ -e large-objects.sql ]; then load_script large-objects.sql; fi
if [ -e sequences.sql ]; then load_script sequences.sql; fi
load_script post-data.sql
if [ -e key-triggers.sql ]; then load_script key-triggers.sql; fi # who is no superuser is warned
echo 'ANALYZE;' | run || echo 'not every table could be analyzed, see above; all rows are loaded' >&2
echo "loaded: $(wc -l <totals/tables.tsv | tr -d ' ') tables"
