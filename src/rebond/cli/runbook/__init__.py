"""The operations guide of a stack: its facts, its writing."""
