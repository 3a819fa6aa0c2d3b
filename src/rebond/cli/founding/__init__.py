"""The steps of ``rebond init``."""
