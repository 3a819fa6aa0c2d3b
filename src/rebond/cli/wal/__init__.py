"""The write-ahead log of PostgreSQL."""
