"""Text that may stand somewhere else: in the environment, a file, a command's output, a keyring, HashiCorp Vault."""

from __future__ import annotations

from msgspec import Struct

from rebond.config.places import Node
from rebond.config.quantities import SPAN
from rebond.config.shapes import Reading, Schema, Shape, Word, unknown_word
from rebond.config.structs import Model, Table, optional, required
from rebond.errors import ConfigError


class TextShape(Struct, frozen=True):
    """Text, or a reference to where it stands. With ``is_secret`` it may not be written out."""

    is_secret: bool = False

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return "[reference](#references)" if self.is_secret else "text or [reference](#references)"

    @property
    def blank(self) -> Text:
        """Nothing."""
        return ""

    def read(self, node: Node, reading: Reading) -> Text:
        """Return the text, or the reference as it is; nothing is looked up."""
        if isinstance(node.value, dict):
            return self._read_reference(node, reading)
        text = Word().read(node, reading)
        if self.is_secret:
            reading.refuse(node, literal_secret(node.path))
        return text

    def _read_reference(self, node: Node, reading: Reading) -> Reference:
        kinds = [each for each in node.members if each in REFERENCES]
        if len(kinds) != 1:
            if not kinds and node.members:
                reading.refuse(node, unknown_word(node.path, next(iter(node.members)), list(REFERENCES)))
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' does not say where its text is, or says it twice.",
                    hint="Give one of: env, file, command, keyring, hashicorp.",
                    key=node.path,
                ),
            )
        default = node.members.get("default")
        if self.is_secret and default:
            reading.refuse(default, literal_secret(default.path))
        shape: Shape[Reference] = Table(REFERENCES[kinds[0]])
        return shape.read(node, reading)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        if "reference" not in definitions:
            definitions["reference"] = {}
            definitions["reference"] = {"oneOf": [Table(each).schema(definitions) for each in REFERENCES.values()]}
        reference: Schema = {"$ref": "#/$defs/reference"}
        return reference if self.is_secret else {"anyOf": [{"type": "string", "minLength": 1}, reference]}


def literal_secret(path: str) -> ConfigError:
    """Return the problem of a secret that is written out, with its fix. The secret itself is not in it."""
    return ConfigError(
        "'{key}' is a secret and is written out.",
        hint='Put it into a file that only you can read, then say {name} = {{ file = "/etc/rebond/{name}" }}, or take '
        'it from the environment with {{ env = "NAME" }}. Then change the secret: it was readable here.',
        key=path,
        name=path.rpartition(".")[2].partition("[")[0],
    )


TEXT = TextShape()
SECRET = TextShape(is_secret=True)


class FromEnvironment(Model):
    """A variable of the environment, or else of the stack's `env` files."""

    env: str = required(Word(), "The variable's name.")
    default: str | None = optional(Word(), "What it is where the variable is not set.", default=None)


class FromFile(Model):
    """A file: of text its first line, of a key the whole."""

    file: str = required(Word(), "Its path; a relative one starts at the root.")


class FromCommand(Model):
    """The first line that a shell command prints."""

    command: str = required(Word(), "The command.")
    timeout: int = optional(SPAN, "How long it may take.", default=30)


class FromKeyring(Model):
    """The keyring of the desktop or system, through the Python library `keyring`."""

    keyring: str = required(Word(), "SERVICE/USER.")


class FromHashicorp(Model):
    """HashiCorp Vault or OpenBao, by its HTTP interface; KV version 1 or 2."""

    hashicorp: str = required(Word(), "MOUNT/PATH#FIELD.")
    address: Text | None = optional(TEXT, "Where it answers; else `VAULT_ADDR`.", default=None)
    token: Text | None = optional(
        SECRET, "What opens it; else `VAULT_TOKEN`, else the file `~/.vault-token`.", default=None
    )
    namespace: Text | None = optional(TEXT, "The namespace; else `VAULT_NAMESPACE`.", default=None)


Reference = FromEnvironment | FromFile | FromCommand | FromKeyring | FromHashicorp
Text = str | Reference
REFERENCES: dict[str, type[Reference]] = {
    "env": FromEnvironment,
    "file": FromFile,
    "command": FromCommand,
    "keyring": FromKeyring,
    "hashicorp": FromHashicorp,
}
