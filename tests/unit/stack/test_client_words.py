"""What clients say that reach nothing: few words, and a status that is tried again."""

import os
import pathlib

import pytest

from rebond.config.loading import load_configuration
from rebond.errors import CommandFailed, SourceUnreachable
from rebond.stack.client_words import drop_noise
from rebond.stack.whereabouts import Place

NOISE = 'E1121 23:08:15.221500   15017 memcache.go:265] "Unhandled Error" err="dial tcp: connection refused"'
REFUSED = "The connection to the server localhost:8080 was refused - did you specify the right host or port?"


def make_place(folder: pathlib.Path, words: str) -> Place:
    client = folder / "kubectl"
    client.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{words}\nEND\nexit 1\n")
    client.chmod(0o755)
    (folder / "rebond.toml").write_text('version = 1\n[stack]\nname = "x"\n')
    loaded = load_configuration(folder / "rebond.toml", {"PATH": f"{folder}:{os.environ['PATH']}"}).loaded
    assert loaded is not None
    return Place(loaded=loaded)


def test_a_cluster_that_does_not_answer_is_unreachable_and_said_once(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceUnreachable) as caught:
        make_place(tmp_path, f"{NOISE}\n{NOISE}\n{REFUSED}").ask(["kubectl", "get", "secrets"])
    assert caught.value.message == f"kubectl does not reach what it asks: {REFUSED}"


def test_a_cluster_that_refuses_is_another_failure(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CommandFailed, match="Forbidden"):
        make_place(tmp_path, "Error from server (Forbidden): secrets is forbidden").ask(["kubectl", "get", "secrets"])


def test_words_that_are_all_there_is_stay() -> None:
    assert drop_noise(NOISE) == NOISE
    assert drop_noise(f"{NOISE} | {REFUSED}") == REFUSED
