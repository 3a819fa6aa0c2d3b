"""Snapshots: chosen on the command line, and shown."""
