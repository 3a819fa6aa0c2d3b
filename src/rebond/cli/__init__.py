"""The command line: reads the request, calls one operation, shows its outcome."""

import gc

# Loading modules makes many objects and no rubbish: looking for it every 700 objects is a tenth of the start,
# and every 50,000 still a twentieth.
gc.set_threshold(100_000, 20, 20)
