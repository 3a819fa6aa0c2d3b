"""Directories and files: how they are walked, left out, described, and put back."""
