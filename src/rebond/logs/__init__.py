"""Logs: one line for each event, with the run that it belongs to, and no secret in any of them."""
