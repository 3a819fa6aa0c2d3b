"""How what is saved is protected, and how files that left the vault are read and checked by stock tools."""

from collections.abc import Iterator
from urllib.parse import parse_qs

from rebond.pages.blocks import Block, Grid, Output, Paragraph
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Sentence, say
from rebond.runbook.facts import Facts

COPY = "~/vault-copy"  # of a vault that lies in a store
_PRACTICES: tuple[tuple[Sentence, Sentence, str], ...] = (
    (
        say("every backup is encrypted"),
        say("always: there is no other vault. What comes out of it, by a restore or an export, is not"),
        "2.5",
    ),
    (
        say("passwords lie elsewhere"),
        say("keys stand where section 2.5 says; the recovery key is in a safe"),
        "2.5, 3.4",
    ),
    (say("few have access"), say("a server that only saves needs a writer's key, which reads nothing"), "2.5"),
    (say("accesses are audited"), say("each run is a line of a ledger that cannot be changed unseen"), "6.6"),
    (say("restores are tried"), say("drills by themselves, people twice a year"), "6.2, 6.5"),
    (say("old backups go"), say("by the rules, and what they would delete is said before"), "7"),
    (say("what is done is written down"), say("this page, which every snapshot holds; print it anew each month"), "B"),
)
_OPENED: dict[str, tuple[str, str]] = {
    "sql.gz": ("gzip -t FILE", "zcat FILE | psql -d NEW_DATABASE"),
    "dump": ("pg_restore --list FILE", "pg_restore -d NEW_DATABASE FILE"),
    "tar.gz": ("gzip -t FILE", "tar -xzf FILE"),
    "tar.zst": ("zstd -t FILE", "tar --zstd -xf FILE"),
    "zip": ("unzip -t FILE", "unzip FILE"),
    "7z": ("7z t FILE", "7z x FILE"),
}
_DECRYPTED = {
    "gpg": "gpg -d FILE.gpg > FILE",
    "openssl": "openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -in FILE.enc -out FILE",
    "7z": "7z x FILE.7z",
}


def write_protection(_facts: Facts) -> Iterator[Block]:
    """Write how a vault is encrypted, and good practice with where it is held."""
    yield Paragraph(
        (
            say(
                "Content and names are encrypted and signed on the machine that saves, before they reach the vault "
                "(ChaCha20-Poly1305; a passphrase goes through Argon2id). Whoever has the store alone reads nothing, "
                "and what he changes is noticed."
            ),
        )
    )
    yield Grid(
        (say("good practice"), say("how it is held here"), say("section")),
        [(words, how, place) for words, how, place in _PRACTICES],
    )


def write_stock_tools(facts: Facts) -> Iterator[Block]:
    """Write how files that were exported are checked and opened where there is no Rebond."""
    exports = [each for class_ in facts.configuration.classes.values() for each in class_.export]
    yield Paragraph(
        (
            say(
                "A component of any snapshot leaves the vault as one file: {command}",
                command=Code("rebond export latest COMPONENT --format zip --output FILE"),
            ),
            say("Any machine reads such files, without Rebond. Those that are written by themselves are in 7.1."),
        )
    )
    formats = list(dict.fromkeys(each.format for each in exports if each.format in _OPENED)) or list(_OPENED)
    yield Grid(
        (say("form"), say("is it whole?"), say("open it")),
        [(Code(each), *map(Code, _OPENED[each])) for each in formats],
    )
    ways = list(dict.fromkeys(each.encrypt for each in exports if each.encrypt)) or list(_DECRYPTED)
    yield Grid((say("encrypted by"), say("opened by")), [(Code(each), Code(_DECRYPTED[each])) for each in ways])
    yield Paragraph(
        (
            say(
                "Before a file travels, write its sum beside it; where it arrives, compare: {first}, {second}",
                first=Code("sha256sum FILE > FILE.sha256"),
                second=Code("sha256sum -c FILE.sha256"),
            ),
        )
    )


def find_folder(address: str) -> tuple[str, str]:
    """Return the vault's folder as a word for a shell, ``COPY`` for a store, and the line that copies it there."""
    if "://" not in address:
        return quote(address.rstrip("/") or "/"), ""
    place, _, asked = address.partition("?")
    scheme, (endpoint, *_) = place.partition("://")[0], [*parse_qs(asked).get("endpoint", []), ""]
    if scheme == "s3":
        return COPY, f"aws s3 sync {quote(place)} {COPY}" + (f" --endpoint-url {quote(endpoint)}" if endpoint else "")
    return COPY, f"gcloud storage rsync -r {quote(place)} {COPY}" if scheme in {"gs", "gcs"} else ""


def write_offline_rescue(facts: Facts, address: str) -> Iterator[Block]:
    """Write how the rescue program gets its libraries where there is no network."""
    if not facts.vault.carries_wheels:
        yield Paragraph(
            (
                say(
                    "The libraries come over the network then. To have them in the vault, type this while all is well: "
                    "{command}",
                    command=Code("rebond kit --wheels own"),
                ),
            )
        )
        return
    folder, _ = find_folder(address)
    rescue, wanted = f"{folder}/rescue", f"{folder} latest ~/back {quote(facts.stack)}"
    steps = (
        f"cd {rescue} && sha256sum -c wheels-*.sha256 && cd -",
        f'for wheel in {rescue}/*.whl; do python3 -m zipfile -e "$wheel" ~/libs; done',
        f'PYTHONPATH=~/libs python3 "$(ls {rescue}/rescue-*.py | sort -V | tail -1)" {wanted}',
    )
    yield Paragraph((say("Without a network the libraries are in the vault:"),))
    yield Output("\n".join(steps))
