"""Servers that are dumped by their own tools: MySQL, MariaDB, Redis, Valkey."""
