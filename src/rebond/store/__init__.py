"""Where a vault's objects lie: named bytes, written whole and never changed."""
