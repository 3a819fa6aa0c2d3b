"""The command line: reads the request, calls one operation, shows its outcome."""

import gc

# Loading modules makes many objects and no rubbish: looking for it every 700 objects is a tenth of the start.
gc.set_threshold(50_000, 20, 20)
