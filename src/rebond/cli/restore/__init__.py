"""What comes back into a directory or a server that somebody names."""
