"""The errors that every store raises in the same words."""

from rebond.errors import ObjectExists, ObjectMissing, ShortRead


def object_missing(name: str, location: str) -> ObjectMissing:
    """Return the error for a name that no object has."""
    return ObjectMissing(
        "{name} is not in {location}.",
        hint="Run 'rebond verify' to see what else is missing.",
        name=name,
        location=location,
    )


def object_exists(name: str, location: str) -> ObjectExists:
    """Return the error for a put to a name that is taken."""
    return ObjectExists(
        "{name} exists already in {location}.",
        hint="Nothing was changed. Read the object to see who made it.",
        name=name,
        location=location,
    )


def short_read(name: str, location: str, *, size: int, end: int) -> ShortRead:
    """Return the error for a read that wants bytes up to ``end`` of an object that has ``size``."""
    return ShortRead(
        "{name} in {location} has {size} bytes, and {end} were asked for.",
        hint="Run 'rebond verify' to see whether the object is damaged.",
        name=name,
        location=location,
        size=size,
        end=end,
    )
