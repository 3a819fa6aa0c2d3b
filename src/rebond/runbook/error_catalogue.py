"""The catalogue of errors as the manual has it: what each means, and what to do. A test keeps both the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from rebond.pages.words import Sentence, say


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error, by its code: its exit status, what it means, what to do."""

    code: str
    status: int
    means: Sentence
    remedy: Sentence


TROUBLES: Sequence[Trouble] = (
    Trouble(
        "failed",
        1,
        say("Something went wrong that has no name of its own."),
        say(
            "Follow the hint of the message. If there is none, run the command again with `--progress "
            "plain` and send both with your account of what happened."
        ),
    ),
    Trouble(
        "usage",
        2,
        say(
            "The request cannot be carried out as asked: an option is missing, has a wrong value, or "
            "contradicts another."
        ),
        say("`rebond COMMAND --help` shows how the command is written, with an example."),
    ),
    Trouble(
        "configuration",
        2,
        say("The configuration is not usable. All its problems are reported at once, with file and line."),
        say("Mend the lines that are named."),
    ),
    Trouble(
        "unknown-name",
        2,
        say(
            "Nothing has that name: no snapshot, path, member or key begins with what was typed, or more than one does."
        ),
        say(
            "`rebond snapshots`, `rebond ls SNAPSHOT` or `rebond key list` shows what there is. Type more of an id "
            "that is not unique."
        ),
    ),
    Trouble(
        "missing-extra",
        2,
        say("The command needs an optional library that is not installed."),
        say("Run the `pip install` line of the message."),
    ),
    Trouble(
        "refused",
        6,
        say(
            "The act was understood and not done: the snapshot is held, nobody confirmed, everything "
            "would be deleted, or something is there that must not be overwritten. Nothing was changed."
        ),
        say("Read what the message protects. If you still mean it: `rebond unhold ID`, `--yes`, or another name."),
    ),
    Trouble("vault", 1, say("Something is wrong with the vault as a whole."), say("`rebond verify` says what.")),
    Trouble(
        "vault-missing",
        10,
        say("There is no vault at that address."),
        say(
            "Check `--vault` or `REBOND_VAULT`, and that a disk or share is mounted. `rebond vault "
            "create` makes a new one. Where this machine saved the stack before, `rebond doctor` calls it "
            "`vault-gone` and proposes none: find the old one first."
        ),
    ),
    Trouble(
        "vault-locked",
        11,
        say("Another run holds this stack on this machine."),
        say("Wait for it, or stop it. The lock goes with the process that holds it; no file has to be removed."),
    ),
    Trouble(
        "wrong-key",
        12,
        say("The secret opens nothing in this vault. The message is the same whether or not there is such a slot."),
        say(
            "Look for a typing error, and check that it is the right vault. The recovery key of the kit "
            "opens it too. A lost passphrase cannot be recovered without the kit."
        ),
    ),
    Trouble(
        "role-too-small",
        12,
        say(
            "The key is a right one, but its role may not do that: a writer cannot read content, a keeper "
            "cannot write it."
        ),
        say("Use the key of the role that the message names. The owner may do everything."),
    ),
    Trouble(
        "vault-exists",
        13,
        say("There is a vault already at the address where one was to be made. It was not touched."),
        say("Use it, or name another place."),
    ),
    Trouble(
        "format-too-new",
        14,
        say(
            "The vault, or one of its objects, was made by a newer Rebond, or asks for something that "
            "this one does not know."
        ),
        say("Install the newer Rebond. Where only writing or deleting is refused, reading still works."),
    ),
    Trouble(
        "vault-damaged",
        4,
        say("Bytes are missing or are not what was written. Other files are not affected."),
        say(
            "`rebond verify --read-data` names every damaged object and every path that it reaches; "
            "`rebond verify --read-data --repair` mends what can be mended from what is there. The next backup stores "
            "damaged content again if the source still has it."
        ),
    ),
    Trouble(
        "foreign-object",
        4,
        say(
            "A record is signed by nobody that the vault's owner trusts, or a file was swapped for "
            "another. It is shown, never used, never deleted."
        ),
        say(
            "Find out who can write to the store. Put back the right object from a copy if one was "
            "swapped. `rebond key revoke LABEL` shuts a stolen key out."
        ),
    ),
    Trouble(
        "session-voided",
        1,
        say(
            "A keeper ended this session before it could commit, because it had been silent for very "
            "long. Nothing was listed."
        ),
        say("Run the backup again. What it had stored is used again."),
    ),
    Trouble(
        "cache-damaged",
        1,
        say(
            "What this machine remembers of a vault, so as not to ask it for everything, changed on its "
            "disk while it was used. The vault has nothing to do with it."
        ),
        say(
            "Run the command again: what is damaged there is thrown away and made anew from the vault. If "
            "it comes again, the disk that holds `REBOND_CACHE_DIR` (else `~/.cache/rebond`) is failing: "
            "look after it, and name another place meanwhile."
        ),
    ),
    Trouble(
        "store",
        20,
        say("The place that holds the vault's objects failed in a way that has no name of its own."),
        say("The message holds what the store said. Look at the disk, the mount or the provider's console."),
    ),
    Trouble(
        "store-unreachable",
        21,
        say("The store did not answer, also after several tries."),
        say("Check the network, the address and the mount; run the same command again later."),
    ),
    Trouble(
        "store-full",
        22,
        say("The store has no room left. Nothing half-written is visible, and all snapshots are whole."),
        say(
            "Make room, or `rebond forget` and `rebond prune` (prune needs a little room for its plan). "
            "Then run the same command again: it goes on from what it had stored."
        ),
    ),
    Trouble(
        "access-denied",
        23,
        say("The credential may not do that in the store: read, write, list or delete."),
        say(
            "Check owner and mode of the directory, or the policy of the bucket. A writer needs no right "
            "to delete; `prune` does."
        ),
    ),
    Trouble(
        "object-missing",
        20,
        say("An object that was expected is not in the store."),
        say("`rebond verify` shows what else is missing and which paths it reaches."),
    ),
    Trouble(
        "object-exists",
        20,
        say("There is an object of that name already. It stays as it is."),
        say("Run the command again. If it returns, something else writes into the vault's place."),
    ),
    Trouble(
        "short-read",
        20,
        say("The store sent fewer bytes than were asked for."),
        say("Run the command again. If it returns, an object is cut short: `rebond verify --read-data`."),
    ),
    Trouble(
        "store-unfit",
        20,
        say("The store does not keep a promise that a vault needs; the message says which one was tried."),
        say(
            "Use another store, or another setting of this one: conditional writes and lists that show a "
            "new object at once."
        ),
    ),
    Trouble(
        "source",
        30,
        say("What should be protected could not be read as a whole. Nothing was committed."),
        say(
            "The message names the path and the reason. Single unreadable files are no reason to stop: "
            "they are listed, and the run ends with 3."
        ),
    ),
    Trouble(
        "source-unreachable",
        31,
        say("The source did not answer."),
        say("Check that it runs and that its address is right; run the backup again."),
    ),
    Trouble(
        "source-unfit",
        32,
        say("The source is not there, is empty, has the wrong version, or a right is missing."),
        say("An empty or missing path is most often a volume that is not mounted. `--allow-empty` if it is meant."),
    ),
    Trouble(
        "command-failed",
        33,
        say(
            "A command that was run for this failed, took too long, or its stream was cut: it ended "
            "without its mark, was not as long as declared, or was empty. Nothing of it was saved."
        ),
        say("Its last words are in the message. Run it by hand to see why; then run the backup again."),
    ),
    Trouble(
        "wal-gap",
        34,
        say("A piece of the write-ahead log is missing, so moments after it cannot be reached."),
        say(
            "While the server still has the file, push it by hand; else take a new full backup: moments before the gap "
            "stay reachable, and those after the new base become so."
        ),
    ),
    Trouble(
        "restore",
        40,
        say("The place that restored data goes to could not be written."),
        say("Check its room and rights, then run the same command again: finished files are recognised."),
    ),
    Trouble(
        "target-not-empty",
        41,
        say("Something is at the target already. Nothing was written."),
        say("Choose an empty directory, or say which files may be replaced with `--overwrite`."),
    ),
    Trouble(
        "target-unsafe",
        42,
        say("A file would have been written through a symbolic link, or outside the target. It was not."),
        say("Restore into a directory of your own that nobody else can write to."),
    ),
    Trouble(
        "proof-failed",
        4,
        say("What came back is not what was saved."),
        say("Keep the source. `rebond verify --read-data` finds the damage and names what it reaches."),
    ),
    Trouble(
        "notice-failed",
        50,
        say("A notification could not be delivered. The work itself is done."),
        say("Check the address and its secret."),
    ),
    Trouble(
        "interrupted",
        130,
        say("The run was asked to stop, by Ctrl-C or SIGTERM, and stopped cleanly."),
        say("Run the same command again; it goes on from what was finished."),
    ),
    Trouble(
        "fault",
        1,
        say(
            "Rebond stopped at a fault of its own. Snapshots that are listed stay whole: nothing is "
            "listed before it is."
        ),
        say(
            "The message names a report; it holds versions, option names and where in the program it "
            "happened, and nothing that you typed or stored. Please send it. Run the command again: most "
            "faults are bound to one input."
        ),
    ),
)
