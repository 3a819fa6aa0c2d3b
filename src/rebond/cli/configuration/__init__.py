"""The configuration at hand, read and written."""
