"""The one ledger: what ran, when, how it ended, and what it took; kept here and sealed into the vault."""
