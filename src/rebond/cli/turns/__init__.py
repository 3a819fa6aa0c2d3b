"""Runs of one stack take turns."""
