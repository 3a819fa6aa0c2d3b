"""``rebond wal``: the write-ahead log of PostgreSQL."""

from rebond.cli.grammar.verbs import Place, Verbs

wal = Verbs(
    "wal",
    places=[
        Place("rebond.cli.commands.wal_serving", "serve", "Archive what servers hand over, and bring it back."),
        Place("rebond.cli.commands.wal_receiving", "receive", "Stream the log from a server into the vault."),
        Place("rebond.cli.commands.wal_settings", "settings", "Print the lines for postgresql.conf."),
        Place("rebond.cli.commands.wal_status", "status", "Say how far the log is saved, and what is missing."),
        Place("rebond.cli.commands.wal_settings", "adopt", "Let another cluster, or one that moved, archive."),
    ],
    help="The write-ahead log of PostgreSQL: how it comes into the vault, how far it came, what is missing.",
    example="rebond wal status",
)
