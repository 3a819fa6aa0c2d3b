"""What PostgreSQL complains of is told by the one sentence that says what to do."""

import pytest

from rebond.errors import CommandFailed, RestoreError, SourceError, SourceUnfit, SourceUnreachable
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.target_failures import explain_words

REACHED = 'connection to server at "db" (10.0.0.7), port 5432 failed: FATAL:  '


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (REACHED + 'password authentication failed for user "app"', "does not accept the password"),
        (REACHED + "aucun mot de passe n'a été fourni", "does not accept the password"),
        (REACHED + 'database "shop" does not exist', "cannot be opened"),
        (REACHED + 'no pg_hba.conf entry for host "10.0.0.9"', "does not let this user in"),
        (REACHED + "the database system is starting up", "takes no connections"),
        ("ERROR:  53100: could not extend file", "is full"),
        ("ERROR:  53200: out of shared memory", "has not enough memory"),
        ("ERROR:  42501: permission denied for schema public", "only the owner of a database makes tables"),
        ("ERROR:  42501: permission denied for table account", "--no-owner leaves owners and grants out"),
        ('ERROR:  55006: database "shop" is being accessed by other users', "is in use and could not be renamed"),
        ('ERROR:  42P07: relation "account" already exists', "is there already"),
        ("ERROR:  23505: duplicate key value violates unique constraint", "does not fit into what shop holds"),
        ("ERROR:  XX000: nobody has seen this", "could not be loaded"),
    ],
)
def test_words_about_a_target_are_told_with_what_to_do(words: str, told: str) -> None:
    error = explain_words(words, server="db:5432", database="shop")
    assert isinstance(error, RestoreError)
    assert told in f"{error.message} {error.hint}"
    assert words in error.message


def test_a_server_that_says_nothing_is_told_by_what_stopped_the_load() -> None:
    assert "it took too long" in explain_words("", server="db", database="shop", otherwise="it took too long").message


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (REACHED + "no password supplied", SourceUnfit, "does not accept the password"),
        (REACHED + "sorry, too many clients already", SourceUnreachable, "takes no connections"),
        ("ERROR:  snapshot 0-1 does not exist", CommandFailed, "held the moment"),
        ("ERROR:  42501: query would be affected by row-level security", SourceUnfit, "A policy hides rows"),
        ("ERROR:  42501: permission denied for table account", SourceUnfit, "A right is missing to read"),
        ("ERROR:  55P03: canceling statement due to lock timeout", SourceUnreachable, "is locked by somebody else"),
    ],
)
def test_words_about_a_source_are_told_with_what_to_do(words: str, kind: type[SourceError], told: str) -> None:
    said = CommandFailed("pg_dump failed: {words}", hint="", words=f"{words} | LOCATION:  x.c:1")
    error = explain_failure(said, server="db:5432", database="shop")
    assert type(error) is kind
    assert told in error.message
    assert "LOCATION" not in error.message


def test_words_that_nobody_knows_stay_as_they_were_said() -> None:
    said = CommandFailed("pg_dump failed: {words}", hint="", words="ERROR:  XX000: nobody has seen this")
    assert explain_failure(said, server="db", database="shop") is said
