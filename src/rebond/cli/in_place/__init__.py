"""What comes back into the configuration's own places, by a plan."""
