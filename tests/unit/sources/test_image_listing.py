"""Which images are listed and saved: what runs, also when its name has moved on; what no registry holds."""

import json
from collections.abc import Sequence

import pytest

from rebond.errors import CommandFailed
from rebond.findings import Finding
from rebond.sources.images.listing import Image, list_of_compose, list_of_containers, means_still, name_archive

COMPOSE = ("docker", "compose")


class Engine:
    """Answers as docker does: images by name and id, containers by id."""

    def __init__(self) -> None:
        self.files = ["shop-web"]
        self.images: dict[str, dict[str, object]] = {}
        self.containers: dict[str, dict[str, object]] = {}
        self.vanished: set[str] = set()
        self.missing_words = "Error response from daemon: No such image: {0}"

    def add_image(self, own: str, *names: str, digests: Sequence[str] = (), **more: object) -> None:
        known = {"Id": own, "RepoTags": [f"{name}:latest" for name in names], "RepoDigests": list(digests), "Size": 7}
        for name in (own, *names, *(f"{name}:latest" for name in names)):
            self.images[name] = known | more

    def ask(self, words: Sequence[str]) -> bytes:
        match list(words):
            case ["docker", "compose", "config", "--images"]:
                return "\n".join(self.files).encode()
            case ["docker", "compose", "config", "--format", "json"]:
                return b'{"name": "shop", "services": {}}'
            case ["docker", "compose", "ps", "--all", "--quiet"]:
                return "\n".join(self.containers).encode()
            case ["docker", "image", "inspect", name]:
                if name not in self.images:
                    raise CommandFailed(self.missing_words.format(name), hint="")
                return json.dumps([self.images[name]]).encode()
            case ["docker", "inspect", *containers]:
                if gone := self.vanished.intersection(containers):
                    raise CommandFailed(f"Error: No such object: {gone.pop()}", hint="")
                return json.dumps([self.containers[each] for each in containers]).encode()
        raise AssertionError(words)

    def list_all(self) -> tuple[list[Image], list[Finding]]:
        findings: list[Finding] = []
        return list_of_compose(COMPOSE, "docker", self.ask, findings.append), findings


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    engine.add_image("sha256:new", "shop-web")
    engine.add_image("sha256:old")
    engine.containers["c1"] = {"Config": {"Image": "shop-web"}, "Image": "sha256:new"}
    return engine


def test_what_runs_is_listed_also_when_its_name_means_a_newer_image(engine: Engine) -> None:
    """A build went well, and nobody has started what it made: the old image runs, and only this machine has it."""
    engine.containers["c1"]["Image"] = "sha256:old"
    found, findings = engine.list_all()

    assert [(each.name, each.id, each.saved_as) for each in found] == [
        ("shop-web", "sha256:new", "shop-web:latest"),
        ("sha256:old", "sha256:old", "sha256:old"),
    ]
    assert all(each.is_local_only for each in found)
    assert not findings


def test_what_runs_is_listed_once_where_its_name_still_means_it(engine: Engine) -> None:
    engine.containers["c2"] = {"Config": {"Image": "shop-web:latest"}, "Image": "new"}
    found, _ = engine.list_all()

    assert [each.id for each in found] == ["sha256:new"]


@pytest.mark.parametrize("is_of_compose", [True, False])
def test_a_container_that_went_meanwhile_keeps_nothing_else_from_being_listed(
    engine: Engine, *, is_of_compose: bool
) -> None:
    engine.containers["c0"] = {}
    engine.vanished.add("c0")
    if is_of_compose:
        found, _ = engine.list_all()
    else:
        found = list_of_containers("docker", ["c0", "c1"], engine.ask, lambda _: None)

    assert [each.id for each in found] == ["sha256:new"]


def test_an_engine_that_fails_otherwise_is_not_taken_for_one_without_containers(engine: Engine) -> None:
    def fail(words: Sequence[str]) -> bytes:
        if list(words[:2]) == ["docker", "inspect"]:
            raise CommandFailed("context deadline exceeded", hint="")
        return engine.ask(words)

    with pytest.raises(CommandFailed, match="deadline"):
        list_of_compose(COMPOSE, "docker", fail, lambda _: None)


def test_an_engine_that_is_not_there_does_not_lack_an_image(engine: Engine) -> None:
    engine.files.append("gone")
    engine.missing_words = "dial unix /var/run/docker.sock: connect: no such file or directory ({0})"
    with pytest.raises(CommandFailed, match="no such file"):
        engine.list_all()


@pytest.mark.parametrize(
    "words", ["Error response from daemon: No such image: {0}", "Error: inspecting object: {0}: image not known"]
)
def test_a_missing_image_is_named_in_the_words_of_each_engine(engine: Engine, words: str) -> None:
    engine.files.append("gone")
    engine.missing_words = words
    found, findings = engine.list_all()

    assert [each.id for each in found] == ["sha256:new"]
    assert [(each.code, each.subject) for each in findings] == [("image-missing", "gone")]


@pytest.mark.parametrize(
    ("identity", "is_local_only"),
    [
        (None, False),
        ({"Build": [{"Ref": "x"}]}, True),
        ({"Build": [{"Ref": "x"}], "Pull": [{"Repository": "docker.io/library/tool"}]}, False),
        ({"Pull": [{"Repository": "docker.io/library/tool"}]}, False),
    ],
)
def test_an_image_built_here_counts_as_that_whatever_digest_its_engine_made_up(
    engine: Engine, identity: object, *, is_local_only: bool
) -> None:
    """Newer engines give a digest to what was never pushed, and say apart from it where an image is from."""
    engine.files = ["tool"]
    engine.containers.clear()
    engine.add_image("sha256:tool", "tool", digests=["tool@sha256:123"], Identity=identity)
    (found,), _ = engine.list_all()

    assert found.is_local_only is is_local_only


@pytest.mark.parametrize("answer", [[{}], [{"Id": "x", "Size": "many"}], [{"Id": "x", "RepoTags": 7}], [7], {}])
def test_an_answer_that_is_another_than_expected_is_said_to_be_that(engine: Engine, answer: object) -> None:
    def ask(words: Sequence[str]) -> bytes:
        return json.dumps(answer).encode() if "image" in words else engine.ask(words)

    with pytest.raises(CommandFailed, match="answer of docker"):
        list_of_compose(COMPOSE, "docker", ask, lambda _: None)


def test_whether_a_name_still_means_an_image(engine: Engine) -> None:
    (image,), _ = engine.list_all()
    assert means_still("docker", image, engine.ask)

    engine.add_image("sha256:newest", "shop-web")
    assert not means_still("docker", image, engine.ask)


def test_archives_have_names_of_their_own() -> None:
    assert name_archive(Image(name="a/b:1", id="sha256:0123456789abcdef")) == b"a_b_1-0123456789ab.tar"
    assert name_archive(Image(name="…", id="sha256:0123456789abcdef")) == b"image-0123456789ab.tar"


@pytest.mark.parametrize("own", ["sha256:removed", "sha256:" + "ab" * 32, "ab" * 32])
def test_an_image_that_was_removed_under_its_container_is_not_said_to_be_in_the_compose_files(
    engine: Engine, own: str
) -> None:
    own = own.replace("removed", "0f" * 32)
    engine.containers["c2"] = {"Config": {"Image": "shop-web"}, "Image": own}
    findings: list[Finding] = []
    found = list_of_containers("docker", ["c1", "c2"], engine.ask, findings.append)

    assert [each.id for each in found] == ["sha256:new"]
    assert [(each.code, each.subject) for each in findings] == [("image-missing", own)]
    assert findings[0].message == f"A container runs {own}, which the engine has no more."


def test_a_container_without_an_image_is_passed_over(engine: Engine) -> None:
    engine.containers["c2"] = {"Config": {}}
    findings: list[Finding] = []
    found = list_of_containers("docker", ["c1", "c2"], engine.ask, findings.append)
    assert ([each.id for each in found], findings) == (["sha256:new"], [])
