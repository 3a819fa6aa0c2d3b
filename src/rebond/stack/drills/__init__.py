"""Drills by configuration: where things stand meanwhile, what is asked of them, and what is promised."""
