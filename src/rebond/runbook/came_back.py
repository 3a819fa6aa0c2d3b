"""What came back beside, as words for a shell: a line that is typed without ``TO`` does nothing at all."""

from rebond.pages.shell_words import quote

STAMP = "$(date +%Y%m%d-%H%M%S)"


def came_back(path: str) -> str:
    """Return a path below the folder that things came back into, as a word for a shell."""
    return f'"${{TO:?}}"/{quote(path)}' if quote(path) != path else f'"${{TO:?}}/{path}"'


def is_one_file(name: str, below: str) -> str:
    """Return a test: a folder may hold a file that is called like itself, but then it seldom holds that alone."""
    return f'[ -f {came_back(f"{name}/{below}")} ] && [ "$(ls -A {came_back(name)})" = {quote(below)} ]'
