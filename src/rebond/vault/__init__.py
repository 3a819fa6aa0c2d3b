"""Snapshots, sealed and deduplicated: the format, and everything that reads, writes and cleans it."""
