"""The command line: reads the request, calls one operation, shows its outcome."""
