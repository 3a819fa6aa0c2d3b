"""What would keep a backup or a restore from working, each with the command that mends it."""
