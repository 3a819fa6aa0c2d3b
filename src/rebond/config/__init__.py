"""The configuration: what is saved, when, how long it is kept, and how it comes back."""
