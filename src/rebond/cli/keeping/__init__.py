"""What stays, until when, and what goes: rules, clean-ups, the freeing of room."""
