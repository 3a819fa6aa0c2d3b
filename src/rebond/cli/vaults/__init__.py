"""Which vault is meant, with which key, and how it is opened."""
