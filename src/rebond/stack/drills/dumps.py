"""What a drill asks of dumps: whether they are whole, and of those without a server of ours, what programs here say."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.errors import CommandFailed
from rebond.logs.masking import mask
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.servers.mysql import END
from rebond.sources.servers.redis import RdbReader
from rebond.sources.streams.readers import CommandReader, DescriptorReader
from rebond.sources.streams.whole_output import read_output

_BLOCK_BYTES = 1 << 20
_TAIL_BYTES = 4096
_CHECKERS = ("redis-check-rdb", "valkey-check-rdb")
_CHECK_SECONDS = 3600.0


def make_dump_questions(
    component: str, kind: str, folder: Path, environment: Mapping[str, str]
) -> tuple[Question, ...]:
    """Return what is asked of the dumps below ``folder``. ``environment`` says where programs are looked for."""

    def ask_whole() -> Iterator[Check]:
        for path in list_files(folder):
            if kind == "mysql":
                require_end(path)
            else:
                _require_sum(path)
            yield Check(
                code="dump-whole",
                subject=component,
                answer=Answer.PASS,
                template="The dump {path} is whole up to its end, {bytes} bytes.",
                values={"path": path.name, "bytes": path.stat().st_size},
            )

    def ask_programs() -> Iterator[Check]:
        checker = next(filter(None, (shutil.which(each, path=environment.get("PATH")) for each in _CHECKERS)), None)
        if checker is None:
            yield _say_no_checker(component)
            return
        for path in list_files(folder):
            yield _ask_checker(component, checker, path, environment)

    questions = (Question(code="dump-whole", subject=component, ask=ask_whole),)
    return questions if kind == "mysql" else (*questions, Question(code="loaded", subject=component, ask=ask_programs))


def list_files(folder: Path) -> list[Path]:
    """Return the files below a folder, in their order."""
    return sorted(each for each in folder.rglob("*") if each.is_file())


def require_end(path: Path) -> None:
    """Raise ``CommandFailed`` for a dump without the line that mysqldump writes last."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read()
    if END.mark not in tail:
        raise CommandFailed(
            "The dump {path} is not whole: its last line is missing.",
            hint="Save it again, and drill that.",
            path=path.name,
        )


def _require_sum(path: Path) -> None:
    """Raise ``CommandFailed`` for a dump whose end is missing, or whose sum is another one."""
    block = memoryview(bytearray(_BLOCK_BYTES))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        reader = RdbReader(DescriptorReader(descriptor))
        while reader.readinto(block):
            pass
        reader.finish()
    finally:
        os.close(descriptor)


def _ask_checker(component: str, checker: str, path: Path, environment: Mapping[str, str]) -> Check:
    """Have the server's own program read every key. Raises ``CommandFailed``."""
    surroundings = {"PATH": environment.get("PATH", os.defpath)}
    try:
        read_output(
            lambda: CommandReader([checker, str(path)], environment=surroundings, timeout_seconds=_CHECK_SECONDS),
            program=os.path.basename(checker),
        )
    except CommandFailed as error:
        raise CommandFailed(
            "{program} finds {path} damaged: {words}",
            hint="Save it again; see what the server says in its log.",
            program=os.path.basename(checker),
            path=path.name,
            words=mask(str(error.values.get("words") or error.message)),
        ) from error
    return Check(
        code="loaded",
        subject=component,
        answer=Answer.PASS,
        template="{program} read every key of {path}.",
        values={"program": os.path.basename(checker), "path": path.name},
    )


def _say_no_checker(component: str) -> Check:
    return Check(
        code="loaded",
        subject=component,
        answer=Answer.NOT_RUN,
        template="Its dump is back, and its keys were not read: neither redis-check-rdb nor valkey-check-rdb is here.",
        hint_template="Install it: apt-get install redis-tools",
    )
