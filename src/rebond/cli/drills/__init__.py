"""Snapshots are proved by restoring them where that is thrown away."""
