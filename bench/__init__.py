"""Measures Rebond beside its peers: same machine, same run, same data. `python -m bench --help`."""
