"""The verbs: each takes live objects and returns a value; none prints."""
