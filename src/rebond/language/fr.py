"""The French catalogue: English templates and their translations, by the part that says them."""

MESSAGES: dict[str, str] = {}
