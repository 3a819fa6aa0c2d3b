"""The grammar that every command shares: common options, help in the reader's language, an example."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import click
from msgspec import Struct

from rebond.cli.grammar.recorded import is_recorded
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import language, tr
from rebond.errors import UsageError
from rebond.language import LANGUAGES, translate

WIDTH = 100
Callback = Callable[..., int | None]


class Place(Struct, frozen=True):
    """Where a command is defined, and one line about it, so that the overview loads none of them."""

    module: str
    name: str
    summary: str


class Recorder(Protocol):
    """Runs a command of a kind such as "key add", writes that down, and returns what the command returned."""

    def __call__(self, context: click.Context, kind: str, run: Callable[[], Any], /) -> Any: ...


def _run_unrecorded(_context: click.Context, _kind: str, run: Callable[[], Any]) -> Any:
    return run()


class Later(Struct, frozen=True):
    """A command of a later version, and what does its work until then."""

    name: str
    until_then: str


def _remember(field: str, convert: Callable[[Any], object] = lambda value: value) -> Any:
    """Return a callback that keeps an option in the invocation; the last mention wins."""

    def keep(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None and value is not False:
            setattr(context.ensure_object(Invocation), field, convert(value))

    return keep


def common_options() -> list[click.Option]:
    """Return the options that stand before or after any command."""
    return [
        CommonOption(
            ["--vault"],
            metavar="URL",
            help="The vault: a directory or a store's address. Also REBOND_VAULT.",
            callback=_remember("vault"),
        ),
        CommonOption(
            ["--config"],
            metavar="FILE",
            help="The configuration. Also REBOND_CONFIG; else ./rebond.toml, the user's, the machine's.",
            callback=_remember("config"),
        ),
        CommonOption(["--json"], is_flag=True, help="Answer with one JSON document.", callback=_remember("wants_json")),
        CommonOption(["--quiet", "-q"], is_flag=True, help="No progress and no notes.", callback=_remember("is_quiet")),
        CommonOption(
            ["--progress"],
            type=click.Choice(["bar", "plain", "json"]),
            help="How progress is shown on standard error.",
            callback=_remember("progress"),
        ),
        CommonOption(
            ["--lang"],
            type=click.Choice(LANGUAGES),
            help="The language of messages. Also REBOND_LANG.",
            callback=_remember("asked_language"),  # read before parsing too, so that --help speaks it
        ),
    ]


class Word(click.ParamType[str]):
    """Words that narrow something down. Empty ones are refused: everything would be meant."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value:
            raise click.BadParameter(tr("it is empty; is a variable not set?"), ctx=ctx, param=param)
        return str(value)


class Option(click.Option):
    """An option whose help is a template. Where it names a path, an empty one is refused: it would mean this folder."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert what was given."""
        if isinstance(self.type, click.Path) and "" in (value if isinstance(value, tuple | list) else (value,)):
            raise click.BadParameter(tr("it is empty; is a variable not set?"), ctx=ctx, param=self)
        return super().type_cast_value(ctx, value)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        if record is None or not self.help:
            return record
        return record[0], record[1].replace(self.help, tr(self.help), 1)


class CommonOption(Option):
    """An option of every command; kept in the invocation, not passed to the command."""

    def __init__(self, names: Sequence[str], **settings: Any) -> None:
        super().__init__(names, expose_value=False, **settings)


class Verb(click.Command):
    """A command with the common options and an example."""

    def __init__(self, name: str | None, *, example: str = "", **settings: Any) -> None:
        super().__init__(name, **settings)
        self.example = example
        self.params.extend(common_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; what is wrong with them is an error of this command, of which click leaves some without."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; what changes something, or proves something, is written down in the ledger."""
        kind = ctx.command_path.partition(" ")[2]
        root = ctx.find_root().command
        if isinstance(root, Verbs) and is_recorded(kind, ctx.params):
            return root.record(ctx, kind, lambda: self._run(ctx))
        return self._run(ctx)

    def _run(self, ctx: click.Context) -> Any:
        status = super().invoke(ctx)
        if status or not isinstance(ctx.obj, Invocation) or not ctx.obj.is_doubtful:
            return status
        from rebond.cli.output.answering import DOUBTFUL

        return DOUBTFUL

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_paragraphs(self.help or "", formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_options(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_example(self.example, formatter)


class Verbs(click.Group):
    """Commands under one name, each loaded when it is called."""

    def __init__(
        self,
        name: str,
        *,
        places: Sequence[Place],
        later: Sequence[Later] = (),
        example: str = "",
        record: Recorder = _run_unrecorded,
        **settings: Any,
    ) -> None:
        """Take what is below this name. Runs are written down by the ``record`` of the outermost one."""
        super().__init__(name, **settings)
        self.record = record
        self.places = {each.name: each for each in places}
        self.later = {each.name: each for each in later}
        self.example = example
        self.params.extend(common_options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; one that is not there is refused with the nearest that is."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            self._refuse_later(ctx, args[0])
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.places, n=1)
            if not near:
                raise
            question = tr("Did you mean '{name}'?", name=near[0])
            message = f"{error.message} {question}"
            raise click.UsageError(message, ctx) from error

    def _refuse_later(self, ctx: click.Context, name: str) -> None:
        """Raise ``UsageError`` for a command that is documented for a later version: no misspelling is guessed."""
        later = self.later.get(name)
        if later is not None:
            raise UsageError(
                "'{command} {name}' is not in this version yet.",
                hint=later.until_then,
                command=ctx.command_path,
                name=name,
            )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module = importlib.import_module(place.module)
        command = getattr(module, f"{place.name}_", None) or getattr(module, place.name)  # list_ does not hide list
        assert isinstance(command, click.Command)  # noqa: S101 - the table is ours
        return command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_paragraphs(self.help or "", formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(tr("Commands")):
            formatter.write_dl([(each.name, tr(each.summary)) for each in self.places.values()])
        _write_options(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_example(self.example, formatter)


def verb(name: str, *, help: str, example: str) -> Callable[[Callback], Verb]:  # noqa: A002 - click's own word
    """Make a command of a function; ``help`` is a template, ``example`` lines that one can type."""

    def make(function: Callback) -> Verb:
        made = click.command(name, cls=Verb, help=help, example=example)(function)
        assert isinstance(made, Verb)  # noqa: S101 - click returns the class that it is given
        return made

    return make


def option(*names: str, help: str, **settings: Any) -> Callable[[Callback], Callback]:  # noqa: A002 - click's own word
    """Give a command an option; ``help`` is a template."""
    decorate: Callable[[Callback], Callback] = click.option(*names, cls=Option, help=help, **settings)
    return decorate


def is_text(words: str) -> bool:
    """Say whether what was typed can be written down as it is: all of its bytes are UTF-8."""
    return words.isascii() or words.encode("utf-8", "replace") == words.encode("utf-8", "surrogatepass")


def words_option(*names: str, help: str, **settings: Any) -> Callable[[Callback], Callback]:  # noqa: A002 - as above
    """Give a command an option whose value is written down, and has to be text for that."""

    def require_text(_context: click.Context, parameter: click.Parameter, value: str | tuple[str, ...]) -> object:
        for each in (value,) if isinstance(value, str) else value or ():
            if not is_text(each):
                raise UsageError(
                    "What {option} says is not text: some of its bytes are not UTF-8.",
                    hint="Write it again in a terminal that speaks UTF-8, or in plain letters.",
                    option=parameter.opts[0],
                )
        return value

    return option(*names, help=help, callback=require_text, **settings)


def later_option(later: Later, *, metavar: str) -> Callable[[Callback], Callback]:
    """Give a command an option of a later version: it is refused with what does its work until then."""

    def refuse(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None:
            raise UsageError(
                "'{command} {name}' is not in this version yet.",
                hint=later.until_then,
                command=context.command_path,
                name=later.name,
            )

    words: dict[str, Any] = {"metavar": metavar, "hidden": True, "expose_value": False, "callback": refuse}
    decorate: Callable[[Callback], Callback] = click.option(later.name, **words)
    return decorate


def _write_paragraphs(template: str, formatter: click.HelpFormatter) -> None:
    text = translate(template, language())
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)


def _write_options(parameters: Sequence[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    own: list[tuple[str, str]] = []
    common: list[tuple[str, str]] = []
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record:
            (common if isinstance(parameter, CommonOption) else own).append(record)
    if own:
        with formatter.section(tr("Options")):
            formatter.write_dl(own)
    with formatter.section(tr("Options of every command")):
        formatter.write_dl(common)


def _write_example(example: str, formatter: click.HelpFormatter) -> None:
    if example:
        with formatter.section(tr("Example")):
            for line in example.splitlines():
                formatter.write(f"{'':{formatter.current_indent}}$ {line}\n")
