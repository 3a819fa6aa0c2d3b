"""Sources that are streams: what comes once, from standard input or from a program."""
