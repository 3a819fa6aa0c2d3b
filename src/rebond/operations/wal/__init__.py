"""The write-ahead log of PostgreSQL: into a vault, out of it, and what is missing in it."""
