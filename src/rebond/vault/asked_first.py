"""What opening a vault asks for; a distant store may be asked for it beforehand (``AnticipatingStore``).

A module of its own that loads nothing: the questions are under way while the modules that need the answers load.
"""

ASKED_FIRST = ("vault.json", "keyring/", "spare/keyring/", "keys/", "roster/", "spare/roster/")
TO_OPEN = (ASKED_FIRST,)
# A snapshot that is listed has its index lists already; so these are asked for after those.
TO_READ = ((*ASKED_FIRST, "trash/", "snapshots/"), ("index/",))
