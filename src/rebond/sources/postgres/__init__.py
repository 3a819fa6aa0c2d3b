"""PostgreSQL, saved by its own programs: one moment, one stream for each table."""
