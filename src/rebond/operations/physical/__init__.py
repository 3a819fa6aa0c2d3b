"""Saved data directories: which one reaches a moment, with what of the log; laid down, started, asked."""
