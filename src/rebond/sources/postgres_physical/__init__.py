"""The data directory of a PostgreSQL server, saved while it runs, and started again from what was saved."""
