"""Drills: restores that are only tests, and what they say."""
