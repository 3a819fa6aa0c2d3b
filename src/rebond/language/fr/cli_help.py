"""French for the help of commands and options."""

CLI_HELP: dict[str, str] = {
    # the frame
    "Commands": "Commandes",
    "Options": "Options",
    "Options of every command": "Options de toutes les commandes",
    "Example": "Exemple",
    "The vault: a directory or a store's address. Also REBOND_VAULT.": "Le coffre : un dossier ou l'adresse d'un "
    "stockage. Aussi REBOND_VAULT.",
    "Answer with one JSON document.": "Répond par un seul document JSON.",
    "No progress and no notes.": "Ni progression ni remarques.",
    "How progress is shown on standard error.": "Comment la progression s'affiche sur la sortie d'erreur.",
    "The language of messages. Also REBOND_LANG.": "La langue des messages. Aussi REBOND_LANG.",
    "Show the version and exit.": "Affiche la version.",
    "Do not ask.": "Ne demande rien.",
    # the overview
    "Back up everything an application needs to exist again, prove it, and bring it back.": "Sauvegarde tout ce dont "
    "une application a besoin pour renaître, le prouve, et le restaure.",
    "Make a vault, or look at one.": "Crée un coffre, ou en montre un.",
    "Save files as a new snapshot.": "Enregistre des fichiers dans une nouvelle sauvegarde.",
    "List what can be restored.": "Liste ce qui peut être restauré.",
    "List the files in a snapshot.": "Liste les fichiers d'une sauvegarde.",
    "Write one file of a snapshot to standard output.": "Écrit un fichier d'une sauvegarde sur la sortie standard.",
    "Compare two snapshots, or one with what is there now.": "Compare deux sauvegardes, ou une avec l'existant.",
    "Find every version of a path over all snapshots.": "Trouve chaque version d'un chemin dans toutes les sauvegardes.",
    "Say whether a path is saved, and if not, by what rule.": "Dit si un chemin est sauvegardé, sinon par quelle règle.",
    "Bring files back.": "Restaure des fichiers.",
    "Check that everything stored can be read back.": "Vérifie que tout ce qui est stocké peut être relu.",
    "Take snapshots off the list, by rule or by name.": "Retire des sauvegardes de la liste, par règle ou par nom.",
    "Put a forgotten snapshot back on the list.": "Remet dans la liste une sauvegarde oubliée.",
    "Free the room that forgotten snapshots took.": "Libère la place que prenaient les sauvegardes oubliées.",
    "Protect a snapshot from being forgotten.": "Protège une sauvegarde de l'oubli.",
    "Lift the protection of a snapshot.": "Lève la protection d'une sauvegarde.",
    "List, add, remove, issue and revoke keys.": "Liste, ajoute, retire, délivre et révoque des clés.",
    "Print the recovery kit again.": "Imprime à nouveau le kit de secours.",
    "Print the lines that complete commands in a shell.": "Imprime les lignes qui complètent les commandes dans un shell.",
    # backup
    "Save this directory or file; may be repeated. It becomes a component named after its last part.": "Sauvegarde ce "
    "dossier ou fichier ; peut être répété. Il devient un composant, nommé d'après sa dernière partie.",
    "Leave out what matches, by the rules of .gitignore; may be repeated.": "Écarte ce qui correspond, selon les règles "
    "de .gitignore ; peut être répété.",
    "Leave out what matches a pattern in this file.": "Écarte ce qui correspond à un motif de ce fichier.",
    "Leave out directories that hold this name.": "Écarte les dossiers qui contiennent ce nom.",
    "Leave out files larger than this.": "Écarte les fichiers plus grands.",
    "Stay on the file system of each path.": "Reste sur le système de fichiers de chaque chemin.",
    "Honour .gitignore files too.": "Respecte aussi les fichiers .gitignore.",
    "A word to find it by; may be repeated.": "Un mot pour la retrouver ; peut être répété.",
    "A remark that only the owner can read.": "Une remarque que seul le propriétaire peut lire.",
    "Protect it from being forgotten.": "La protège de l'oubli.",
    "How long --hold lasts; for ever without it.": "Combien de temps dure --hold ; pour toujours sans cette option.",
    "Read every file, also where nothing seems to have changed.": "Lit chaque fichier, même là où rien ne semble avoir "
    "changé.",
    "Save the other components when one fails; the snapshot is partial.": "Sauvegarde les autres composants quand l'un "
    "échoue ; la sauvegarde est partielle.",
    "Only say what would be saved.": "Dit seulement ce qui serait sauvegardé.",
    # looking
    "List what can be restored, oldest first. Where the record of a snapshot cannot be trusted, the others are listed, "
    "and the exit status is 4.": "Liste ce qui peut être restauré, du plus ancien au plus récent. Là où la fiche d'une "
    "sauvegarde n'est pas digne de foi, les autres sont listées, et le code est 4.",
    "Only snapshots of this stack.": "Seulement les sauvegardes de cette pile.",
    "Only snapshots that hold this component.": "Seulement les sauvegardes qui contiennent ce composant.",
    "Only snapshots with this tag.": "Seulement les sauvegardes qui portent cette étiquette.",
    "Only snapshots of this class.": "Seulement les sauvegardes de cette classe.",
    "Only snapshots of this host.": "Seulement les sauvegardes de cette machine.",
    "Only the newest N.": "Seulement les N plus récentes.",
    "Only those that show this moment or an earlier one.": "Seulement celles de cet instant ou d'avant.",
    "Those that were forgotten and not pruned yet.": "Celles qui sont oubliées et pas encore effacées.",
    "List what lies at PATH in a snapshot: COMPONENT/PATH, or a path as it was on the machine. Without PATH the "
    "components are listed.": "Liste ce qui se trouve à PATH dans une sauvegarde : COMPOSANT/CHEMIN, ou un chemin tel "
    "qu'il était sur la machine. Sans PATH, les composants sont listés.",
    "Mode, owner, size and time too.": "Aussi les droits, le propriétaire, la taille et la date.",
    "Everything below too.": "Aussi tout ce qui est en dessous.",
    "Write one file of a snapshot to standard output. With --json its description goes to standard error.": "Écrit un "
    "fichier d'une sauvegarde sur la sortie standard. Avec --json, sa description va sur la sortie d'erreur.",
    "Compare two snapshots, or with --live one with what is there now: + added, - removed, M other content, U other "
    "owner, mode or time, T another kind, ? could not be looked at (the status is 3). --live compares sizes and times; "
    "it reads no content.": "Compare deux "
    "sauvegardes, ou avec --live une sauvegarde et l'existant : + ajouté, - retiré, M autre contenu, U autre "
    "propriétaire, droits ou date, T autre nature, ? n'a pu être regardé (le code est 3). --live compare tailles et dates ; il ne lit aucun contenu.",
    "Compare with the places that the snapshot was made of.": "Compare avec les lieux dont la sauvegarde est faite.",
    "Find every version of a path over all snapshots. A PATTERN without / is compared with the last part of each path, "
    "any other with COMPONENT/PATH; * and ? fit as in a shell.": "Trouve chaque version d'un chemin dans toutes les "
    "sauvegardes. Un motif sans / est comparé à la dernière partie de chaque chemin, tout autre à COMPOSANT/CHEMIN ; "
    "* et ? valent ce qu'ils valent dans un shell.",
    "Only snapshots from then on.": "Seulement les sauvegardes à partir de là.",
    "Only snapshots until then.": "Seulement les sauvegardes jusque-là.",
    # vault, keys, kit
    "Make a vault and print its recovery kit.": "Crée un coffre et imprime son kit de secours.",
    "Show what a vault says of itself; takes no secret.": "Montre ce qu'un coffre dit de lui-même ; sans secret.",
    "Make a vault at URL: a directory, which may be missing, or s3://BUCKET/PREFIX. It asks for a passphrase (or takes "
    "REBOND_PASSPHRASE), tries out whether the store keeps its promises, and prints the recovery kit.": "Crée un coffre "
    "à URL : un dossier, qui peut manquer, ou s3://BUCKET/PREFIXE. Demande une phrase de passe (ou prend "
    "REBOND_PASSPHRASE), éprouve les promesses du stockage, et imprime le kit de secours.",
    "Write the recovery kit there, mode 0600.": "Y écrit le kit de secours, en mode 0600.",
    "Make an owner's key file as well.": "Crée aussi un fichier de clé du propriétaire.",
    "What the owner is called in lists.": "Le nom du propriétaire dans les listes.",
    "Show what the vault at URL says of itself: id, fingerprint of the owner's key (compare it with the recovery kit), "
    "members, what the store proved. It takes no secret.": "Montre ce que le coffre à URL dit de lui-même : identifiant, "
    "empreinte de la clé du propriétaire (à comparer au kit de secours), membres, promesses prouvées par le stockage. "
    "Sans secret.",
    "What it is called in lists.": "Son nom dans les listes.",
    "Make a key file there.": "Y crée un fichier de clé.",
    "Make a recovery key and print it.": "Crée une clé de secours et l'imprime.",
    "Let a slot (its label, or the beginning of its id) open the vault no more. It cannot be the last one, nor the one "
    "that the vault was opened with.": "Retire à un accès (son nom, ou le début de son identifiant) le pouvoir d'ouvrir "
    "le coffre. Ce ne peut être ni le dernier, ni celui qui vient de l'ouvrir.",
    "Make a member and write its key file. A writer adds snapshots and can read nothing; a keeper forgets, prunes and "
    "verifies, and can read nothing.": "Crée un membre et écrit son fichier de clé. Un writer ajoute des sauvegardes et "
    "ne peut rien lire ; un keeper oublie, nettoie et vérifie, et ne peut rien lire.",
    "Where the key file goes.": "Où va le fichier de clé.",
    "Share deduplication with this writer: each can probe the other.": "Partage la déduplication avec ce writer : "
    "chacun peut sonder l'autre.",
    "Wrap the file with a passphrase (REBOND_NEW_PASSPHRASE, or asked for).": "Protège le fichier par une phrase de "
    "passe (REBOND_NEW_PASSPHRASE, ou demandée).",
    "Shut a member out: what it puts from now on counts as foreign. What it could read before, it still can.": "Exclut "
    "un membre : ce qu'il dépose désormais est étranger. Ce qu'il pouvait lire avant, il le peut encore.",
    "Rely on nothing that it stored since then.": "Ne se fie à rien de ce qu'il a stocké depuis.",
    "List what opens the vault, and its members.": "Liste ce qui ouvre le coffre, et ses membres.",
    "Let another passphrase, key file or recovery key open the vault.": "Fait ouvrir le coffre par une autre phrase de "
    "passe, un autre fichier de clé ou une autre clé de secours.",
    "Let a passphrase, key file or recovery key open it no more.": "Retire ce pouvoir à une phrase de passe, un fichier "
    "de clé ou une clé de secours.",
    "Make a writer's or a keeper's key file.": "Crée le fichier de clé d'un writer ou d'un keeper.",
    "Shut a writer or a keeper out.": "Exclut un writer ou un keeper.",
    "List the slots (what opens the vault) and the members (who may work in it).": "Liste les accès (ce qui ouvre le "
    "coffre) et les membres (qui peut y travailler).",
    "Let something else open the vault too: a new passphrase (asked for twice, or taken from REBOND_NEW_PASSPHRASE or "
    "REBOND_NEW_PASSPHRASE_FILE), a new key file, or a new recovery key, which is printed.": "Fait ouvrir le coffre par "
    "autre chose aussi : une nouvelle phrase de passe (demandée deux fois, ou prise dans REBOND_NEW_PASSPHRASE ou "
    "REBOND_NEW_PASSPHRASE_FILE), un nouveau fichier de clé, ou une nouvelle clé de secours, qui est imprimée.",
    "Print the recovery kit again: address, fingerprints, what to do. The recovery key itself is kept nowhere; 'rebond "
    "key add --recovery-key' makes a new one. It takes no secret; with --wheels it takes the owner's.": "Imprime à nouveau le kit de secours : adresse, "
    "empreintes, marche à suivre. La clé de secours elle-même n'est conservée nulle part ; « rebond key add "
    "--recovery-key » en crée une autre. Sans secret ; avec --wheels il faut celui du propriétaire.",
    "Keep the rescue program's libraries in the vault, some 10 MB, for a machine without a network: 'own', those of "
    "this machine's Python, or the wheels of a directory.": "Garde dans le coffre les bibliothèques du programme de "
    "secours, une dizaine de Mo, pour une machine sans réseau : « own », celles du Python de cette machine, ou les "
    "wheels d'un dossier.",
    "Write it there, mode 0600.": "L'y écrit, en mode 0600.",
    "Print the lines that make a shell complete commands and options.": "Imprime les lignes qui font compléter les "
    "commandes et les options par un shell.",
    "'{command} {name}' is not in this version yet.": "« {command} {name} » n'est pas encore dans cette version.",
    "Unpack the archive, then save what was in it: rebond backup --path DIR --tag imported": "Extrayez l'archive, puis sauvegardez ce qu'elle contenait : rebond backup --path DOSSIER --tag imported",
    "Copy the vault's folder or bucket with another tool (rsync, rclone) while nothing writes to it: its objects never "
    "change.": "Copiez le dossier ou le bucket du coffre avec un autre outil (rsync, rclone) pendant que rien n'y écrit : "
    "ses objets ne changent jamais.",
    "A unit of systemd tells by OnFailure=, cron by mail; 'rebond status' ends with 5, 'rebond backup' with its status.": "Une "
    "unité de systemd le dit par OnFailure=, cron par courriel ; « rebond status » se termine par 5, « rebond backup » par son "
    "code.",
    "Read 'rebond status --json' and 'rebond history --json', or /healthz of 'rebond serve'.": "Lisez « rebond status "
    "--json » et « rebond history --json », ou /healthz de « rebond serve ».",
    "See 'rebond history --check' for what ran, 'rebond key list' for who may what.": "Voyez « rebond history --check » pour "
    "ce qui a tourné, « rebond key list » pour qui a quel droit.",
    "See 'rebond backup --dry-run' for what would be saved, 'rebond status' for how it grows.": "Voyez « rebond backup "
    "--dry-run » pour ce qui serait sauvegardé, « rebond status » pour sa croissance.",
    "Add another with 'rebond key add' or 'rebond key issue writer LABEL --output FILE', then take the old one away with 'rebond key remove SLOT' or 'rebond key revoke LABEL'.": "Ajoutez-en une autre par « rebond key add » ou « rebond key issue writer NOM --output FICHIER », puis retirez l'ancienne par « rebond key remove ACCÈS » ou « rebond key revoke NOM ».",
}
