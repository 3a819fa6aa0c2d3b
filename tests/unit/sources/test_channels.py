"""Commands inside containers and pods, by stand-ins that take the real clients' arguments."""

import json
import pathlib
import random

import pytest
from tests.shims.placing import place_shims
from tests.unit.operations.restored import RestoredVault

from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable, UsageError
from rebond.operations.snapshots import list_snapshots
from rebond.secret import Secret
from rebond.sources.channels.addresses import Address, Client, parse_address
from rebond.sources.channels.clients import OLD_DOCKER_COMPOSE, Inside, Surroundings, build_arguments
from rebond.sources.channels.compose import find_compose
from rebond.sources.channels.reading import is_unreachable, open_channel
from rebond.sources.streams.tree import StreamTree
from rebond.testing.stream_contract import MakeTree, StreamContract, read_all

Folder = pathlib.Path
RUNNING = "db,statefulset/postgres,deploy/media/app"
PLACES = ["compose:db", "docker:db", "podman:db", "kubernetes:statefulset/postgres", "kubernetes:deploy/media/app"]


def tree_of(
    environment: dict[str, str],
    address: str,
    *command: str,
    surroundings: Surroundings = Surroundings(),  # noqa: B008 - frozen
    inside: Inside = Inside(),  # noqa: B008 - frozen
) -> StreamTree:
    return StreamTree(
        b"dump",
        lambda: open_channel(
            parse_address(address), command, surroundings=surroundings, inside=inside, environment=environment
        ),
        began_ns=1,
    )


def read(tree: StreamTree) -> bytes:
    """Read the stream as the vault does; raise what the walk raises."""
    contents = []
    for listing in tree.listings():
        try:
            contents.append(read_all(listing, 50_000))
        except SourceError:
            continue
    return contents[0]


@pytest.fixture
def shims(tmp_path: Folder) -> dict[str, str]:
    return place_shims(tmp_path / "bin", SHIM_RUNNING=RUNNING, SHIM_LOG=str(tmp_path / "log"))


@pytest.fixture
def noise(tmp_path: Folder) -> Folder:
    (tmp_path / "noise").write_bytes(random.Random(2).randbytes(300_000))
    return tmp_path / "noise"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("compose:db", Address(client=Client.COMPOSE, name="db")),
        ("docker:shop_db-1", Address(client=Client.DOCKER, name="shop_db-1")),
        ("podman:db.1", Address(client=Client.PODMAN, name="db.1")),
        ("kubernetes:pod/db-0", Address(client=Client.KUBERNETES, kind="pod", name="db-0")),
        (
            "kubernetes:deploy/media/app",
            Address(client=Client.KUBERNETES, kind="deploy", name="media", container="app"),
        ),
    ],
)
def test_an_address_is_read_and_shown_as_it_was_written(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "db",
            "",
            "compose:",
            "compose:a/b",
            "compose:a\nb",
            "Compose:db",
            "docker:--privileged",
            "docker:a b",
            "ssh:db",
        ),
        *("kubernetes:db", "kubernetes:pod/a/b/c", "kubernetes:pod/-x", "kubernetes:--raw/x"),
    ],
)
def test_what_is_no_address_is_refused_and_never_becomes_an_option(text: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        parse_address(text)


COMPOSE = "docker compose --file a --file b --project-directory / --project-name p"
SURROUNDED = Surroundings(
    compose_files=("a", "b"),
    compose_project="p",
    project_directory="/",
    context="production",
    namespace="pivori",
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "compose:db",
            f"{COMPOSE} exec -T --user u --workdir /w --env A=1 db x",
        ),
        ("docker:db", "docker exec --user u --workdir /w --env A=1 db x"),
        ("podman:db", "podman exec --user u --workdir /w --env A=1 db x"),
    ],
)
def test_the_arguments_are_those_of_the_real_client(text: str, words: str) -> None:
    inside = Inside(user="u", directory="/w", variables={"A": "1"})

    assert build_arguments(parse_address(text), ["x"], SURROUNDED, inside) == tuple(words.split())


def test_kubectl_is_given_its_context_its_container_and_two_dashes() -> None:
    address = parse_address("kubernetes:deploy/media/app")

    assert build_arguments(address, ["tar", "-c", "."], SURROUNDED, Inside(reads_input=True)) == tuple(
        "kubectl --context production --namespace pivori exec --stdin deploy/media --container app -- tar -c .".split()
    )
    with pytest.raises(UsageError, match="another user"):
        build_arguments(address, ["id"], SURROUNDED, Inside(user="root"))


@pytest.mark.parametrize("address", PLACES)
def test_what_is_written_inside_arrives_to_the_byte_without_the_mark(
    shims: dict[str, str], noise: Folder, address: str
) -> None:
    assert read(tree_of(shims, address, "cat", str(noise))) == noise.read_bytes()


@pytest.mark.parametrize("address", PLACES)
def test_a_stream_that_is_cut_while_the_client_ends_with_0_is_told(
    shims: dict[str, str], noise: Folder, address: str
) -> None:
    marked = 45  # bytes of a mark, before and behind
    for after in (0, 1, marked, 299_999, 300_000, marked + 300_000, 2 * marked + 299_999):
        with pytest.raises(CommandFailed, match=r"was cut|empty"):
            read(tree_of({**shims, "SHIM_CUT_AFTER": str(after)}, address, "cat", str(noise)))


def test_a_command_that_fails_under_a_client_that_ends_with_0_is_told(shims: dict[str, str], noise: Folder) -> None:
    command = ["sh", "-c", f"cat {noise}; exit 3"]
    with pytest.raises(CommandFailed, match="was cut"):
        read(tree_of({**shims, "SHIM_EXIT_EARLY": "1"}, PLACES[3], *command))
    with pytest.raises(CommandFailed, match=r"sh \(kubernetes:statefulset/postgres\) failed with status 3"):
        read(tree_of(shims, PLACES[3], *command))


@pytest.mark.parametrize("content", [b"", b"\n", b"no end of a line", b"a\r\nb\r\n", b"\n\n\n"])
def test_every_end_of_a_stream_is_kept(shims: dict[str, str], tmp_path: Folder, content: bytes) -> None:
    (tmp_path / "small").write_bytes(content)
    tree = tree_of(shims, "docker:db", "cat", str(tmp_path / "small"))
    if content:
        assert read(tree) == content
    else:
        with pytest.raises(CommandFailed, match="empty"):
            read(tree)


@pytest.mark.parametrize("address", PLACES)
@pytest.mark.parametrize("said", ["a warning of the client\n", "no end of a line ", "x" * 200_000 + "\n"], ids=len)
def test_what_a_client_says_before_is_not_what_the_command_wrote(
    shims: dict[str, str], noise: Folder, address: str, said: str
) -> None:
    environment = {**shims, "SHIM_CHATTER": said[:100_000]}
    assert read(tree_of(environment, address, "cat", str(noise))) == noise.read_bytes()
    with pytest.raises(CommandFailed, match=r"was cut|empty"):
        read(tree_of({**environment, "SHIM_CUT_AFTER": "200000"}, address, "cat", str(noise)))
    with pytest.raises(CommandFailed, match="translated the line ends"):
        read(tree_of({**environment, "SHIM_CRLF": "1"}, address, "echo", "hello"))


@pytest.mark.parametrize("address", PLACES)
def test_the_client_is_started_where_the_stack_is(shims: dict[str, str], tmp_path: Folder, address: str) -> None:
    surroundings = Surroundings(started_in=str(tmp_path))
    assert read(tree_of(shims, address, "pwd", surroundings=surroundings)) == f"{tmp_path}\n".encode()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Error response from daemon: Container 1f is paused, unpause the container before exec", 1),
        ("Error response from daemon: Container 1f is restarting, wait until the container is running", 1),
        ("error during connect: Get http://docker/v1.45: command [ssh] has exited with exit status 255", 1),
        ("failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct", 1),
        ("error: cannot exec into a container in a completed pod; current phase is Succeeded", 1),
        ("Error: can only create exec sessions on running containers: container state improper", 255),
        ("no configuration file provided: not found", 14),
        ("docker.errors.DockerException: Error while fetching server API version: ('Connection aborted.', …)", 1),
        ("unable to upgrade to tcp, received 500", 1),
        ("OCI runtime exec failed: exec failed: cannot exec in a stopped container: unknown", 126),
        ("container is not running", 126),
    ],
)
def test_what_answers_later_perhaps_is_unreachable_and_no_fault_of_the_command(words: str, status: int) -> None:
    assert is_unreachable(Client.DOCKER, status, words)
    assert not is_unreachable(Client.DOCKER, 2, words)


@pytest.mark.parametrize("address", ["compose:db", "docker:db"])
def test_what_an_engine_says_on_standard_output_is_told(shims: dict[str, str], address: str) -> None:
    words = "OCI runtime exec failed: exec failed: cannot exec in a stopped container: unknown"
    with pytest.raises(SourceUnreachable, match=words):
        read(tree_of({**shims, "SHIM_ENGINE_SAYS": words}, address, "cat"))
    words = 'exec: "sh": executable file not found in [$]PATH'
    with pytest.raises(CommandFailed, match=f"cat cannot be run in {address}: OCI .*{words}: unknown$"):
        read(tree_of({**shims, "SHIM_ENGINE_SAYS": f"OCI …: {words.replace('[$]', '$')}: unknown"}, address, "cat"))


def test_an_old_compose_that_ends_without_a_word_reached_nothing(shims: dict[str, str]) -> None:
    surroundings = Surroundings(compose=OLD_DOCKER_COMPOSE)
    with pytest.raises(SourceUnreachable, match="compose:gone cannot be reached by docker-compose, which says nothing"):
        read(tree_of(shims, "compose:gone", "cat", surroundings=surroundings))
    with pytest.raises(CommandFailed, match="failed with status 1 and said nothing"):
        read(tree_of(shims, "compose:db", "false", surroundings=surroundings))


def test_what_clients_say_each_time_is_in_no_message_of_a_good_end(shims: dict[str, str]) -> None:
    said = 'time="2026-01-02T03:04:05Z" level=warning msg="/a/compose.yml: the attribute `version` is obsolete"'
    own = "tar: socket ignored"
    surroundings, script = Surroundings(), f"printf '%s\\n' '{said}' '{own}' >&2"
    reader = open_channel(
        parse_address("compose:db"), ["sh", "-c", script], surroundings=surroundings, inside=Inside(), environment=shims
    )
    while reader.readinto(memoryview(bytearray(100))):
        pass
    reader.finish()
    assert reader.last_words() == own
    reader.close()


@pytest.mark.parametrize("address", PLACES)
def test_who_talks_with_a_command_hears_its_answer_before_the_end(shims: dict[str, str], address: str) -> None:
    reader = open_channel(
        parse_address(address),
        ["cat"],
        surroundings=SURROUNDED,
        inside=Inside(reads_input=True),
        environment=shims,
        given=Secret(""),
        keeps_input=True,
        timeout_seconds=60,  # then it is ended, and what is heard is no answer
    )
    buffer, heard, said = memoryview(bytearray(1 << 16)), b"", b""
    for answer in (b"1", b"job 1 is done", b"a\n\nb", b"\nrebond-end-!", b"\r\nrebond!", b"x" * 300):
        reader.feed(answer + b"\n")
        said += answer + b"\n"
        while len(heard) < len(said) - 1:  # the end of the line may be the beginning of the end
            count = reader.readinto(buffer)
            assert count, (heard, said)
            heard += buffer[:count]
    reader.end_input()
    while count := reader.readinto(buffer):
        heard += buffer[:count]
    reader.finish()
    reader.close()
    assert heard == said


@pytest.mark.parametrize("address", PLACES)
def test_translated_line_ends_are_told(shims: dict[str, str], address: str) -> None:
    with pytest.raises(CommandFailed, match="translated the line ends"):
        read(tree_of({**shims, "SHIM_CRLF": "1"}, address, "echo", "hello"))


def test_a_slow_client_is_waited_for(shims: dict[str, str]) -> None:
    assert (
        read(tree_of({**shims, "SHIM_DELAY": "0.05"}, "docker:db", "sh", "-c", "echo a; sleep 0.1; echo b"))
        == b"a\nb\n"
    )


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_the_beginning_of_an_id_is_no_name(shims: dict[str, str], client: str) -> None:
    environment = {**shims, "SHIM_RUNNING": "shop,db", "SHIM_IDS": "shop=cafe0123456789ab,db=0f"}
    assert read(tree_of(environment, f"{client}:db", "echo", "a")) == b"a\n"
    assert read(tree_of(environment, f"{client}:cafe01234567", "echo", "a")) == b"a\n"  # as the engines show ids
    with pytest.raises(SourceUnreachable, match=r"called cafe: .* means shop"):
        read(tree_of(environment, f"{client}:cafe", "echo", "a"))


@pytest.mark.parametrize("address", ["compose:absent", "docker:absent", "podman:absent", "kubernetes:pod/absent"])
def test_what_does_not_run_is_unreachable(shims: dict[str, str], address: str) -> None:
    with pytest.raises(SourceUnreachable, match="absent") as caught:
        read(tree_of(shims, address, "true"))

    assert caught.value.exit_status == 31
    assert caught.value.hint


def test_an_image_without_a_shell_is_told_in_the_words_of_podman(shims: dict[str, str], tmp_path: Folder) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(CommandFailed, match=r"cannot be run in podman:db: Error: .*\"sh\": .* not found"):
        read(tree_of({**shims, "SHIM_IMAGE": str(tmp_path / "bare")}, "podman:db", "true"))


@pytest.mark.parametrize("address", ["docker:db", "podman:db"])
def test_what_is_paused_is_unreachable(shims: dict[str, str], address: str) -> None:
    with pytest.raises(SourceUnreachable, match=r"is paused|container state improper"):
        read(tree_of({**shims, "SHIM_HALTED": "db"}, address, "true"))


@pytest.mark.parametrize("address", PLACES)
def test_a_client_that_is_not_installed_is_named(tmp_path: Folder, address: str) -> None:
    (tmp_path / "bin").mkdir()
    with pytest.raises(SourceUnfit, match="is not installed here"):
        read(tree_of({"PATH": str(tmp_path / "bin")}, address, "true"))


def test_a_program_that_the_image_lacks_and_one_that_was_killed_are_told(shims: dict[str, str]) -> None:
    with pytest.raises(CommandFailed, match="cannot be run in docker:db"):
        read(tree_of(shims, "docker:db", "no-such-program"))
    with pytest.raises(CommandFailed, match="status 137"):
        read(tree_of(shims, "docker:db", "sh", "-c", "exit 137"))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("docker:db", "docker events"),
        ("compose:db", "docker events"),
        ("podman:db", "podman events"),
        ("kubernetes:statefulset/postgres", "kubectl describe pod"),
    ],
)
def test_what_tells_why_a_program_was_killed_is_of_its_own_engine(
    shims: dict[str, str], address: str, told: str
) -> None:
    with pytest.raises(CommandFailed, match="status 137") as caught:
        read(tree_of(shims, address, "sh", "-c", "exit 137"))
    assert caught.value.hint.startswith(f"'{told}")


def test_the_words_of_the_command_are_in_the_error_and_its_arguments_are_not(shims: dict[str, str]) -> None:
    with pytest.raises(CommandFailed, match="no such table") as caught:
        read(tree_of(shims, "compose:db", "sh", "-c", "echo no such table >&2; exit 1", "hunter2"))

    assert "hunter2" not in str(caught.value)


def test_quotes_spaces_and_dollars_reach_the_command_as_they_are(shims: dict[str, str]) -> None:
    odd = "a b'c\"d$HOME`id`\\n*"
    assert read(tree_of(shims, "kubernetes:deploy/media/app", "printf", "%s", odd)) == odd.encode()


def test_variables_and_the_directory_hold_inside(shims: dict[str, str], tmp_path: Folder) -> None:
    inside = Inside(directory=str(tmp_path), variables={"SHOP": "a b"})
    for address in PLACES:
        found = read(tree_of(shims, address, "sh", "-c", 'echo "$SHOP"; pwd', inside=inside))
        assert found.decode() == f"a b\n{tmp_path}\n"


def test_each_run_has_a_mark_of_its_own(shims: dict[str, str], tmp_path: Folder) -> None:
    for _ in range(3):
        read(tree_of(shims, "docker:db", "echo", "hello"))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    assert len({word for line in lines for word in line if word.startswith("rebond-end-")}) == 3


def test_compose_is_found_in_each_of_its_forms(tmp_path: Folder) -> None:
    both = place_shims(tmp_path / "both")
    assert find_compose(both) == ("docker", "compose")
    assert find_compose({**both, "SHIM_NO_PLUGIN": "1"}) == OLD_DOCKER_COMPOSE
    old = place_shims(tmp_path / "old", ["docker-compose"], SHIM_RUNNING=RUNNING)
    found = find_compose({**old, "PATH": f"{tmp_path / 'old'}"})
    assert found == OLD_DOCKER_COMPOSE
    assert read(tree_of(old, "compose:db", "echo", "a", surroundings=Surroundings(compose=found))) == b"a\n"
    with pytest.raises(SourceUnfit, match="docker-compose"):
        find_compose({"PATH": str(tmp_path / "nowhere")})


def test_what_was_read_inside_is_restored_and_what_was_cut_makes_no_snapshot(
    shims: dict[str, str], noise: Folder, tmp_path: Folder
) -> None:
    place = RestoredVault(tmp_path)
    place.restore(place.save(tree_of(shims, "compose:db", "cat", str(noise)), "database"))
    assert place.found() == {"database/dump": noise.read_bytes()}
    with pytest.raises(CommandFailed, match="was cut"):
        place.save(tree_of({**shims, "SHIM_CUT_AFTER": "250000"}, "compose:db", "cat", str(noise)), "database")

    assert len(list_snapshots(place.vault())) == 1


class TestStreamThroughAChannel(StreamContract):
    @pytest.fixture
    def expected(self, noise: Folder) -> bytes:
        return noise.read_bytes()

    @pytest.fixture
    def whole(self, shims: dict[str, str], noise: Folder) -> MakeTree:
        return lambda: tree_of(shims, "kubernetes:statefulset/postgres", "cat", str(noise))

    @pytest.fixture(params=[0, 200_000, 300_010])
    def broken(self, shims: dict[str, str], noise: Folder, request: pytest.FixtureRequest) -> MakeTree:
        environment = {**shims, "SHIM_CUT_AFTER": str(request.param)}
        return lambda: tree_of(environment, "kubernetes:statefulset/postgres", "cat", str(noise))
