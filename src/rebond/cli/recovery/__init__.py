"""A stack comes back on a bare machine."""
