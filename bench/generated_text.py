"""Pseudo code with a vocabulary: text that compresses as real programs do, made at some 50 MB/s from a seed.

Real trees repeat themselves at three distances: idioms of the language everywhere, names within one package, lines
within one file. A ``Writer`` is made for one package; it owns names and phrases of its own, and composes files of
them. The proportions were set against real trees until ``zstd -3`` and chunk-wise tools found the same ratios.
"""

from collections.abc import Callable
from functools import cache
from random import Random

WORDS = (
    "accept access action active adapter address after agent alias align allow anchor angle append apply argument"
    " array assert asset assign async attach attribute author auto average await axis balance banner batch before"
    " begin bind block body boolean border bottom bound branch break bridge browser bucket buffer build bundle"
    " button bytes cache call cancel canvas capture catch cell center chain change channel char check child chunk"
    " circle class clean clear click client clip clone close cluster code color column command comment commit"
    " common compare compile complete component compress config connect constant content context control convert"
    " copy core count create current cursor custom data date debug decode default define delay delete depth derive"
    " detail device dialog digest direct disable dispatch display document domain draw driver drop duration"
    " dynamic each edge edit effect element emit empty enable encode encrypt end engine entity entry enumerate"
    " equal error escape event exact example except exec exist expand export expression extend extra factory fail"
    " fallback feature fetch field file fill filter final find finish first flag flat float flow flush focus"
    " folder follow font force foreign form format forward frame free frequency from front function future gap"
    " gather generate get global grammar graph grid group guard handle hash head header height hidden hide high"
    " history hook host icon ident image implement import index infer inherit init inject inline input insert"
    " inspect install instance integer interface internal interval invalid invoke item iterate join json keep key"
    " label lang last layer layout lazy leaf left length level library limit line link list listen literal load"
    " local locale lock log logic long lookup loop main make manifest map margin mark mask match matrix max"
    " measure media member memory menu merge message meta method metric min mixin mode model modify module mount"
    " mouse move multi name native nest network next node normal notify null number object observe offset open"
    " operator option order origin output overlay override owner package padding page paint pair panel param"
    " parent parse partial patch path pattern pause payload peer pending permit phase pick pipe pixel place plan"
    " plugin point policy pool port position prefix prepare preset press preview previous primary print priority"
    " private process produce profile progress promise property protocol provide proxy public pull push query"
    " queue quote radius random range rate read ready reason receive record rect reduce refer refresh region"
    " register reject relation release reload remove render repeat replace report request require reset resize"
    " resolve resource response rest result resume retry return reverse right role root rotate round route row"
    " rule runtime sample save scale scan schedule schema scope screen script scroll search section select self"
    " send serial server service session setting shadow shape share shift show side signal silent single size skip"
    " slice slot snapshot socket sort source space span spec split stack stage start state static status step stop"
    " store stream strict string strip style submit subscribe suffix super support switch symbol sync syntax"
    " system table target task template term test text theme thread throttle tick time title toggle token tool top"
    " total touch trace track transform transition translate tree trigger trim tuple type unit unique update"
    " upload url usage user valid value variable vector verify version vertical view virtual visible visit wait"
    " walk warn watch weak weight wheel widget width window wire with word work worker wrap write yield zone"
).split()

SCRIPT_LINES = (
    "    const {a} = {b}.{c}({d});\n",
    "    if (!{a}) {{\n        return {b};\n    }}\n",
    "    return {a}.{b}({c}, {d});\n",
    "exports.{a} = {b};\n",
    "function {a}({b}, {c}) {{\n",
    "}}\n\n",
    "    let {a} = {b} || {c};\n",
    "    this.{a} = {b}.{c};\n",
    "var {a} = require('./{b}-{c}');\n",
    "    for (let i = 0; i < {a}.length; i++) {{\n",
    "     * {s} {s} {s}\n",
    "    // {s} {s} {s} {s}\n",
    "    throw new Error(`{s} {s} ${{{a}}}`);\n",
    "        {a}: {b},\n",
    "        '{a}': '{s}-{s}',\n",
    "  /** {s} {s} {s}. */\n",
    "    case '{a}':\n        {b}({c});\n        break;\n",
    "    if ({a} === {n}) {{\n",
    "        {a}.push({{ {b}: {c}, {d}: {n} }});\n",
    "    }}\n",
    "export {{ {a} }} from './{b}';\n",
    "    readonly {a}?: {B};\n",
    "export interface {A} extends {B} {{\n",
    "export declare function {a}({b}: {C}): {D};\n",
    "    await {a}.{b}({c}, '{s}');\n",
    "     * @param {{{B}}} {a} {s} {s}\n",
)
PYTHON_LINES = (
    "    def {u}(self, {v}, {w}=None):\n",
    "        return self.{u}.{v}({w})\n",
    "        if {u} is None:\n            {u} = {v}\n",
    "        self._{u} = {v}\n",
    "def test_{u}_{v}():\n",
    "    assert {u}({v}, {w}) == {n}\n",
    "class {A}({B}):\n",
    '    """{s} {s} {s} {s}."""\n',
    "from .{u} import {A}, {B}\n",
    "import {u}.{v} as {w}\n",
    "        for {u} in {v}.{w}:\n",
    '            raise ValueError(f"{s} {s} {{{u}}}")\n',
    "    # {s} {s} {s} {s} {s}\n",
    "        {u} = np.{s}({v}, dtype={w})\n",
    "    {u}: {A} = {B}({v}={w})\n",
    '        with pytest.raises({A}, match="{s} {s}"):\n',
    "    @property\n",
    "\n",
    "    {u} : {s}, optional\n        {s} {s} {s} {s} {s}.\n",
    "        >>> {u}({n}, {v}={n})\n",
    "    ({n}, {n}.{n}, '{s}'),\n",
)
MINIFIED = (
    "{a}=function({b},{c}){{return {b}.{d}({c})}}",
    ",{a}:{b}",
    ";var {a}={b}({n})",
    "if({a})return {b};",
    "e.{a}=t.{b},",
    'n.{a}(r,"{s}")',
    "(0,o.{a})(e,{b})",
    "&&{a}.{b}(",
    ")||{a}",
    "?{a}:{b}",
    "!function(e){{{a}}}",
    "case {n}:return ",
)
PROSE = (
    "{s} {s} {s} {s}, {s} {s}. ",
    "The {s} of a {s} {s} is {s}.\n",
    "- `{a}`: {s} {s} {s}\n",
    "\n## {A} {B}\n\n",
    "```js\n{a}.{b}({c})\n```\n",
)
SETTINGS = ('    "{a}": "^{n}.{n}.{n}",\n', '    "{s}-{s}": "{s}",\n', '  "{a}": {{\n', "  }},\n", '      "{u}",\n')
TEMPLATES = {
    "script": SCRIPT_LINES,
    "types": SCRIPT_LINES[-9:],
    "minified": MINIFIED,
    "python": PYTHON_LINES,
    "prose": PROSE,
    "settings": SETTINGS,
}
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Writer:
    """Composes files of one package. The same seed gives the same bytes, whatever was made elsewhere."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._own_words = random.sample(WORDS, 90)
        self._pools: dict[str, list[bytes]] = {}

    def compose(self, kind: str, size_bytes: int) -> bytes:
        """Return ``size_bytes`` bytes of one of ``KINDS``."""
        if kind == "media":
            return self._random.randbytes(size_bytes)
        pool = self._pools.get(kind) or self._fill_pool(kind)
        mean_bytes = sum(map(len, pool[:64])) / min(len(pool), 64)
        wanted, draw = int(size_bytes / mean_bytes * 1.15) + 3, self._random.random
        # A file is about something: it draws from a window of its package's phrases. The product of two draws
        # prefers the front of the window: some phrases are common, most are rare.
        width = min(len(pool), 140 + wanted // 2)
        start = int(draw() * (len(pool) - width))
        content = b"".join([pool[start + int(draw() * draw() * width)] for _ in range(wanted)])
        while len(content) < size_bytes:
            content += content[: size_bytes - len(content)]
        return content[:size_bytes]

    def _fill_pool(self, kind: str) -> list[bytes]:
        if kind in _FRAGMENT_MAKERS:
            pool = self._random.sample(make_shared_fragments(kind), 4500)
        else:
            pool = self._random.sample(make_shared_phrases(kind), 2600)
            pool += make_phrases(self._random, self._own_words, TEMPLATES[kind], 500)
            self._random.shuffle(pool)
        self._pools[kind] = pool
        return pool


@cache
def make_shared_phrases(kind: str) -> list[bytes]:
    """Return the idioms that every package of this kind draws from."""
    random = Random(f"idioms of {kind}")
    return make_phrases(random, list(WORDS), TEMPLATES[kind], 9000)


@cache
def make_shared_fragments(kind: str) -> list[bytes]:
    """Return the instructions, opcodes or mappings that every package of this kind draws from."""
    return _FRAGMENT_MAKERS[kind](Random(f"fragments of {kind}"))


def make_phrases(random: Random, words: list[str], templates: tuple[str, ...], count: int) -> list[bytes]:
    """Fill templates with names made of ``words``."""
    choose, randrange = random.choice, random.randrange
    names = [_make_name(random, words) for _ in range(count // 5)]
    snakes = [f"{choose(words)}_{choose(words)}" for _ in range(count // 10)]
    phrases = []
    for _ in range(count):
        a, b, c, d = choose(names), choose(names), choose(words), choose(words)
        phrases.append(
            choose(templates)
            .format(
                a=a,
                b=b,
                c=c,
                d=d,
                A=a.capitalize(),
                B=b.capitalize(),
                C=c.capitalize(),
                D=d.capitalize(),
                u=choose(snakes),
                v=choose(words),
                w=choose(snakes),
                s=choose(WORDS),
                n=randrange(1 << randrange(1, 12)),
            )
            .encode()
        )
    return phrases


def _make_name(random: Random, words: list[str]) -> str:
    first, second, third = random.choices(words, k=3)
    kind = random.random()
    if kind < 0.35:
        return first
    return first + second.capitalize() + (third.capitalize() if kind > 0.8 else "")


def _make_mappings(random: Random) -> list[bytes]:
    draw = random.random
    words = [bytes(_BASE64[int(64 * draw() * draw())] for _ in range(int(3 + 4 * draw()))) for _ in range(2000)]
    return _join_runs(random, [word + (b"," if draw() < 0.85 else b";") for word in words])


def _make_machine_code(random: Random) -> list[bytes]:
    return _join_runs(
        random, [random.randbytes(random.randrange(1, 7)) + bytes(random.randrange(4)) for _ in range(2500)]
    )


def _make_bytecode(random: Random) -> list[bytes]:
    names = [b"\xda" + bytes([len(word)]) + word.encode() for word in WORDS]
    codes = [random.randbytes(random.randrange(1, 6)) + b"\x00d\x01" for _ in range(1500)]
    return _join_runs(random, names + codes)


def _join_runs(random: Random, parts: list[bytes]) -> list[bytes]:
    """Runs of one to five parts: machines repeat sequences, not single instructions."""
    draw, count = random.random, len(parts)
    return [b"".join([parts[int(draw() * draw() * count)] for _ in range(random.randrange(1, 6))]) for _ in range(9000)]


_FRAGMENT_MAKERS: dict[str, Callable[[Random], list[bytes]]] = {
    "map": _make_mappings,
    "binary": _make_machine_code,
    "bytecode": _make_bytecode,
}
KINDS = (*TEMPLATES, *_FRAGMENT_MAKERS, "media")
