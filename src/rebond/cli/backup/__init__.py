"""What is saved, from where, into which vaults."""
