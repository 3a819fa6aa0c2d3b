"""What SQLite makes beside a database, by the ends of the names: it belongs to that version of it and to no other."""

LOG = b"-wal"  # what was committed may lie here alone, until a checkpoint
MEMORY = b"-shm"  # an index of the log, made anew by whoever opens the database
JOURNAL = b"-journal"  # what a half transaction is undone by
COMPANIONS = (LOG, MEMORY, JOURNAL)
