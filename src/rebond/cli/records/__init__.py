"""What is written down of runs: the ledger, the log."""
