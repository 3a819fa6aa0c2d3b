"""Rebond: back up everything that a web application needs, and prove that it comes back."""

__version__ = "0.1.0"
