"""Coming back: the plan of a restore in place, how it is carried out, gone on with, and undone."""
