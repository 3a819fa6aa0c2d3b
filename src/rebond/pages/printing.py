"""What no printer shows, or what turns round what stands beside it, made visible."""

import re

# Control characters but tab and line feed; what changes the direction of writing; other ends of lines; bytes of names
# that are not UTF-8.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def is_printable(text: str) -> bool:
    """Say whether all of a text is shown, in its order."""
    return _HIDDEN.search(text) is None


def make_visible(text: str) -> str:
    r"""Return a text with an escape for each character that would not be shown: ``\x1b``, ``\u202e``, ``\xff``."""
    return _HIDDEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
