"""Whether a class of a model's field keeps the path of a file, by where it comes from."""

import ast
import enum
from collections.abc import Sequence
from pathlib import Path

from rebond.stack.django_code.source_names import find_imports, find_module, parse_source, read_source, spell_out

_DEEPEST = 12
_OF_FILES = ("FileField", "ImageField")
_OF_LIBRARIES = frozenset(
    {
        "django_resized.ResizedImageField",
        "django_resized.forms.ResizedImageField",
        "easy_thumbnails.fields.ThumbnailerField",
        "easy_thumbnails.fields.ThumbnailerImageField",
        "imagekit.models.ProcessedImageField",
        "imagekit.models.fields.ProcessedImageField",
        "pictures.models.PictureField",
        "private_storage.fields.PrivateFileField",
        "private_storage.fields.PrivateImageField",
        "sorl.thumbnail.ImageField",
        "sorl.thumbnail.fields.ImageField",
        "stdimage.models.JPEGField",
        "stdimage.models.StdImageField",
        "versatileimagefield.fields.VersatileImageField",
    }
)
_SOUNDS_LIKE = ("FileField", "ImageField", "PhotoField", "PictureField", "AvatarField", "DocumentField", "UploadField")


class Verdict(enum.Enum):
    """What a class is."""

    FILE = "it keeps the path of a file"
    LIKELY = "its name says so, and its source is not at hand"
    OTHER = "it does not"


class FieldClasses:
    """Judges classes of fields. ``roots`` are folders where modules are found; none is imported."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._known: dict[str, Verdict] = {}
        self._modules: dict[str, tuple[ast.Module, dict[str, str]] | None] = {}

    def judge(self, name: str) -> Verdict:
        """Say what a class of a full name is."""
        if name not in self._known:
            self._known[name] = self._judge(name, 0)
        return self._known[name]

    def _judge(self, name: str, depth: int) -> Verdict:
        module, _, last = name.rpartition(".")
        if name.startswith("django."):
            return Verdict.FILE if last in _OF_FILES else Verdict.OTHER
        if name in _OF_LIBRARIES:
            return Verdict.FILE
        read = self._read(module) if depth < _DEEPEST else None
        if read is None:
            return Verdict.LIKELY if last.endswith(_SOUNDS_LIKE) else Verdict.OTHER
        tree, imports = read
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == last:
                return self._judge_bases(node, module, imports, depth)
        if last in imports and imports[last] != name:
            return self._judge(imports[last], depth + 1)
        return Verdict.LIKELY if last.endswith(_SOUNDS_LIKE) else Verdict.OTHER

    def _judge_bases(self, node: ast.ClassDef, module: str, imports: dict[str, str], depth: int) -> Verdict:
        found = Verdict.OTHER
        for base in node.bases:
            spelt = spell_out(base, imports)
            full = spelt if "." in spelt else f"{module}.{spelt}"
            verdict = self._judge(full, depth + 1) if spelt and full != f"{module}.{node.name}" else Verdict.OTHER
            if verdict is Verdict.FILE:
                return verdict
            if verdict is Verdict.LIKELY:
                found = verdict
        return found

    def _read(self, module: str) -> tuple[ast.Module, dict[str, str]] | None:
        if module not in self._modules:
            path = find_module(module, self._roots)
            tree = parse_source(read_source(path)) if path else None
            package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
            self._modules[module] = (tree, find_imports(tree, package)) if tree else None
        return self._modules[module]
