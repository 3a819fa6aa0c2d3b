"""What PostgreSQL complains of, as a table: words that are known, and the error that says what to do about them."""

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from rebond.errors import RebondError

Told = TypeVar("Told", bound=RebondError)

# Words of a refused connection have no code: they are in the language of the server, so English and French are known.
PASSWORD = re.compile(
    r"password authentication failed|no password supplied|authentification par mot de passe|aucun mot de passe"
)
NO_ROLE = re.compile(r"FATAL: [^|]*role [^|]* does not exist|FATAL: [^|]*le rôle [^|]* n'existe pas")  # at the door
REFUSED = re.compile(
    r"no pg_hba\.conf entry|(peer|ident|gss|ldap|pam|certificate|scram|sasl|ssl) authentication failed"
    r"|role \S+ does not exist|not permitted to log in|aucune entrée dans pg_hba|le rôle .* n'existe pas"
    r"|authentification \w+ a échoué",
    re.IGNORECASE,
)
NO_DATABASE = re.compile(r"database .* does not exist|base de données .* n'existe pas|permission denied for database")
UNREACHABLE = re.compile(
    r"connection to server|could not connect|could not translate host name|starting up|shutting down"
    r"|in recovery mode|too many clients|remaining connection slots|timeout expired|connexion au serveur"
)
RIGHT = re.compile(r"42501|permission denied for")


class Complaint(Struct, Generic[Told], frozen=True, kw_only=True):
    """Words of a server or of its programs, and how they are told.

    The template and the hint are filled with ``server``, ``database`` and all the ``words`` that were said.
    """

    words: re.Pattern[str]
    kind: type[Told]
    template: str
    hint_template: str

    def tell(self, *, server: str, database: str, words: str) -> Told:
        """Return the error."""
        return self.kind(self.template, hint=self.hint_template, server=server, database=database, words=words)


def find_complaint(known: Iterable[Complaint[Told]], words: str) -> Complaint[Told] | None:
    """Return the first of the known complaints that these words are; ``None`` where they are none of them."""
    return next((each for each in known if each.words.search(words)), None)
