"""Measures Rebond beside its peers: same machine, same run, same data. `python -m bench --help`."""

import os

# Whoever has this set starts programs of Python that compile themselves each time: half a second, which no user has.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
