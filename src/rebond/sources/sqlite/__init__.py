"""SQLite databases: copied while programs write to them, checked, then saved."""
