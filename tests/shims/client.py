"""Stands in for docker, docker-compose, podman and kubectl: takes their real arguments, runs the command here.

It is strict: what the real client would refuse, it refuses. ``SHIM_RUNNING`` names what runs (compose services and
containers by name, ``kind/name`` or ``kind/name/container`` of Kubernetes). It misbehaves as the environment says:

``SHIM_CUT_AFTER=N``   pass N bytes of output, then end with ``SHIM_CUT_STATUS`` (0 as kubectl does)
``SHIM_EXIT_EARLY=1``  pass everything, but end with status 0 whatever the command came to
``SHIM_CRLF=1``        translate line ends, as a terminal does
``SHIM_DELAY=S``       wait S seconds before each piece of output
``SHIM_LOG=FILE``      append the arguments as a line of JSON
``SHIM_IDS=A=ID,…``    the ids of containers: the beginning of one reaches it, as the engines do, where no name fits
``SHIM_HALTED=NAMES``  containers that are there and paused
``SHIM_ENGINE_SAYS=T`` end as Docker 20.10 does when it cannot start a command: T on standard output, status 126
``SHIM_IMAGE=DIR``     the only folder whose programs are there inside
``SHIM_CHATTER=TEXT``  say so on standard output before anything else
``SHIM_ANSWERS=DIR``   a JSON file ``answers`` there gives, for whole command lines other than ``exec``, the file whose
                       content is the answer, or ``!TEXT`` for a failure with status 1 that says TEXT

Tests call it some thousand times: what only a few calls need (json, looking for programs) is imported by these, and
no module that takes longer than the call.
"""

import os
import sys
import time

EXEC_OPTIONS = {"--user": 1, "--workdir": 1, "--env": 1, "--interactive": 0}
COMPOSE_OPTIONS = {"--file": 1, "--project-directory": 1, "--project-name": 1}
COMPOSE_EXEC_OPTIONS = {"-T": 0, "--user": 1, "--workdir": 1, "--env": 1}
KUBECTL_OPTIONS = {"--context": 1, "--namespace": 1}
KUBECTL_EXEC_OPTIONS = {"--stdin": 0, "--container": 1}
BROKEN_PIPE, KILLED = 13, 9


def fail(text: str, status: int) -> "None":
    sys.stderr.write(text + "\n" if text else "")
    sys.exit(status)


def take_options(words: list[str], known: dict[str, int]) -> dict[str, list[str]]:
    """Remove the options at the start of ``words`` and return them."""
    found: dict[str, list[str]] = {}
    while words and words[0].startswith("-") and words[0] != "--":
        name = words.pop(0)
        if name not in known:
            fail(f"unknown flag: {name}", 125)
        found.setdefault(name, []).extend([words.pop(0)] if known[name] else [""])
    return found


def find_container(name: str, client: str = "docker", *, inspected: bool = False) -> str:
    """Return the container that docker or podman means: of that name, else the one whose id begins so."""
    if name not in running():
        ids = dict(each.split("=") for each in os.environ.get("SHIM_IDS", "").split(",") if each)
        meant = [each for each, id_ in ids.items() if id_.startswith(name)]
        if len(meant) != 1:
            if client == "podman" and inspected:
                fail(f"Error: inspecting object: no such container {name}", 125)
            if client == "podman":
                fail(f'Error: no container with name or ID "{name}" found: no such container', 125)
            fail(f"Error response from daemon: No such container: {name}", 1)
        return meant[0]
    return name


def read_docker(client: str, words: list[str]) -> tuple[str, dict[str, list[str]], list[str]]:
    if words[:4] == ["container", "inspect", "--format", "name={{.Name}}="]:
        sys.stdout.write(
            f"name={'/' if client == 'docker' else ''}{find_container(words[4], client, inspected=True)}=\n"
        )
        sys.exit(0)
    if words[:1] != ["exec"]:
        fail(f"{client}: '{words[:1]}' is not a command", 1)
    del words[0]
    options = take_options(words, EXEC_OPTIONS)
    if engine_words := os.environ.get("SHIM_ENGINE_SAYS"):
        sys.stdout.write(f"{engine_words}\r\n")
        sys.exit(126)
    name = find_container(words.pop(0), client)
    if name in os.environ.get("SHIM_HALTED", "").split(","):
        halt(client, name)
    return name, options, words


def halt(client: str, name: str) -> None:
    """Refuse as Docker 20.10 and Podman 4.3 do where a container is paused."""
    if client == "podman":
        fail("Error: can only create exec sessions on running containers: container state improper", 255)
    fail(f"Error response from daemon: Container {name} is paused, unpause the container before exec", 1)


def read_compose(words: list[str], *, is_plugin: bool = True) -> tuple[str, dict[str, list[str]], list[str]]:
    take_options(words, COMPOSE_OPTIONS)
    if words == ["version"]:
        sys.stdout.write("Docker Compose version v2.24.0\n")
        sys.exit(0)
    if words[:1] != ["exec"]:
        fail("unknown docker command", 1)
    del words[0]
    options = take_options(words, COMPOSE_EXEC_OPTIONS)
    if "-T" not in options:
        fail("the input device is not a TTY", 1)
    name = words.pop(0)
    if engine_words := os.environ.get("SHIM_ENGINE_SAYS"):
        sys.stdout.write(f"{engine_words}\r\n")
        sys.exit(126)
    if name not in running():
        fail(f'service "{name}" is not running' if is_plugin else "", 1)
    return name, options, words


def read_kubectl(words: list[str]) -> tuple[str, dict[str, list[str]], list[str]]:
    take_options(words, KUBECTL_OPTIONS)
    if words[:1] != ["exec"]:
        fail(f"error: unknown command {words[:1]}", 1)
    del words[0]
    options = take_options(words, KUBECTL_EXEC_OPTIONS)
    name = words.pop(0)
    options |= take_options(words, KUBECTL_EXEC_OPTIONS)
    if words[:1] != ["--"]:
        fail("error: you must specify at least one command for the container", 1)
    kind, _, pod = name.partition("/")
    full = "/".join([kind, pod, *options.get("--container", [])])
    if full not in running():
        fail(f'Error from server (NotFound): {kind}s "{pod}" not found', 1)
    return full, options, words[1:]


def running() -> set[str]:
    return set(os.environ.get("SHIM_RUNNING", "").split(","))


class Running:
    """A command that runs, and the pipe that it writes to."""

    def __init__(self, command: "list[str]", environment: "dict[str, str]", directory: "str | None") -> None:
        if directory is not None:
            os.chdir(directory)
        self.output, written = os.pipe()
        self.pid = os.posix_spawn(
            find_program(command[0], environment),
            command,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, written, 1)],
            setsigdef=[BROKEN_PIPE],  # which Python itself ignores
        )
        os.close(written)

    def kill(self) -> None:
        os.kill(self.pid, KILLED)

    def wait(self) -> int:
        """Return its status as a shell says it."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return 128 - status if status < 0 else status


def find_program(name: str, environment: "dict[str, str]") -> str:
    """Return the path of a program; raises ``FileNotFoundError``."""
    folders = [""] if "/" in name else environment.get("PATH", os.defpath).split(":")
    paths = [os.path.join(folder, name) for folder in folders]
    found = [path for path in paths if os.access(path, os.X_OK)]
    if not found:
        raise FileNotFoundError(name)
    return found[0]


def pass_on(output: int, process: Running) -> None:
    """Pass the output of the command on, in the way that was asked for; may end this program."""
    left = int(os.environ.get("SHIM_CUT_AFTER", "-1"))
    while block := os.read(output, 30_000):
        time.sleep(float(os.environ.get("SHIM_DELAY", "0")))
        if os.environ.get("SHIM_CRLF"):
            block = block.replace(b"\n", b"\r\n")
        if 0 <= left < len(block):
            sys.stdout.buffer.write(block[:left])
            sys.stdout.buffer.flush()
            process.kill()
            sys.exit(int(os.environ.get("SHIM_CUT_STATUS", "0")))
        left -= len(block) if left >= 0 else 0
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


def refuse_to_run(client: str, program: str) -> None:
    """Say that a program is not there, where the real client does: Docker's engine says it on standard output."""
    if client == "podman":
        fail(
            f'Error: /usr/sbin/runc: exec failed: unable to start container process: exec: "{program}": executable '
            "file not found in $PATH: OCI runtime attempted to invoke a command that was not found",
            127,
        )
    words = f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{program}": '
    if client in ("docker", "docker-compose"):
        sys.stdout.write(f"{words}executable file not found in $PATH: unknown\n\n")
        sys.exit(126)
    fail(f"{words}executable file not found in $PATH", 127)


def answer_at_once(client: str, words: list[str]) -> None:
    """Give the answer that was prepared for this command line, in the way that was asked for, and end."""
    folder = os.environ.get("SHIM_ANSWERS")
    if not folder:
        return
    import json

    with open(os.path.join(folder, "answers"), encoding="utf-8") as file:
        answer = json.load(file).get(" ".join([client, *words]))
    if answer is None:
        return
    if answer.startswith("!"):
        fail(answer[1:], 1)
    process = Running(["cat", os.path.join(folder, answer)], dict(os.environ), None)
    pass_on(process.output, process)
    sys.exit(process.wait())


def main(client: str, words: list[str]) -> int:
    if os.environ.get("SHIM_CHATTER"):
        sys.stdout.write(os.environ["SHIM_CHATTER"] + " ".join([client, *words]))
        sys.stdout.flush()
    if log := os.environ.get("SHIM_LOG"):
        import json

        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps([client, *words]) + "\n")
    answer_at_once(client, words)
    if client == "kubectl":
        _, options, command = read_kubectl(words)
    elif client == "docker-compose":
        _, options, command = read_compose(words, is_plugin=False)
    elif client == "docker" and words[:1] == ["compose"]:
        if os.environ.get("SHIM_NO_PLUGIN"):
            fail("docker: 'compose' is not a docker command.", 1)
        _, options, command = read_compose(words[1:])
    else:
        _, options, command = read_docker(client, words)
    environment = dict(os.environ) | dict(each.split("=", 1) for each in options.get("--env", []))
    if image := os.environ.get("SHIM_IMAGE"):
        environment["PATH"] = image
    directory = options.get("--workdir", [None])[0]
    try:
        process = Running(command, environment, directory)
    except FileNotFoundError:
        refuse_to_run(client, command[0])
        raise AssertionError from None
    pass_on(process.output, process)
    status = process.wait()
    if status and client == "kubectl":
        sys.stderr.write(f"command terminated with exit code {status}\n")
    return 0 if os.environ.get("SHIM_EXIT_EARLY") else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
