"""Secrets: key files, Secrets of Kubernetes, secrets of HashiCorp Vault. Few, small, and never on a disk on the way."""
