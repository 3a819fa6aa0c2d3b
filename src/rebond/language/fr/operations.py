"""French for the verbs."""

OPERATIONS: dict[str, str] = {
    "No component could be saved, so there is no snapshot.": "Aucun composant n'a pu être sauvegardé : il n'y a pas de "
    "sauvegarde.",
    "Mend what is reported above, then run the backup again.": "Réparez ce qui est signalé plus haut, puis relancez la "
    "sauvegarde.",
    "This machine's clock says {now}, but this stack has a snapshot of {before}: the new one is listed before it, and "
    "'latest' does not mean the new one.": "L'horloge de cette machine dit {now}, mais cette pile a une sauvegarde du "
    "{before} : la nouvelle vient avant elle dans les listes, et « latest » ne la désigne pas.",
    "Set the clock ('timedatectl' shows it), then run the backup again.": "Réglez l'horloge (« timedatectl » la montre), "
    "puis relancez la sauvegarde.",
    "The component {component} stops the run, so there is no snapshot: {reason}": "Le composant {component} arrête la "
    "sauvegarde, rien n'est gardé : {reason}",
    "{path} is said to be versioned, and is no Git repository.": "{path} est dit versionné, et n'est pas un dépôt Git.",
    "Begin one there with 'git init' and commit, or save it as a component of the kind files.": "Commencez-en un avec "
    "« git init » et un commit, ou sauvegardez-le par un composant du genre files.",
    "The component {component} is not in this snapshot: {reason}": "Le composant {component} n'est pas dans cette "
    "sauvegarde : {reason}",
    "Name what to save with --path.": "Nommez ce qui est à sauvegarder avec --path.",
    "Two components have the same name: {names}.": "Deux composants ont le même nom : {names}.",
    "Give paths whose last parts differ.": "Donnez des chemins dont les dernières parties diffèrent.",
    "{path} is not a file.": "{path} n'est pas un fichier.",
    "'rebond ls SNAPSHOT {path}' shows what it holds.": "« rebond ls SAUVEGARDE {path} » montre ce qu'il contient.",
    "Of {component} no file could be read, so nothing of it is saved.": "De {component}, aucun fichier n'a pu être lu ; "
    "rien n'en est donc sauvegardé.",
    "What is listed above says why: mostly the user of the backup lacks the right to read. Grant it.": "Ce qui "
    "est listé plus haut dit pourquoi : le plus souvent, l'utilisateur de la sauvegarde n'a pas le droit de lire. Donnez-le-lui.",
    "A chunk of {name} is not where the index says.": "Un morceau de {name} n'est pas là où l'index le dit.",
    "Run 'rebond verify --read-data' to see what it reaches.": "Lancez « rebond verify --read-data » pour voir ce que "
    "cela atteint.",
    "{path} is not in this snapshot.": "{path} n'est pas dans cette sauvegarde.",
    "Its components are {components}; write COMPONENT/PATH.": "Ses composants sont {components} ; écrivez "
    "COMPOSANT/CHEMIN.",
    "{path} is not in this snapshot: nothing there is called {part}.": "{path} n'est pas dans cette sauvegarde : rien ne "
    "s'y appelle {part}.",
    "'rebond ls SNAPSHOT {parent}' shows what is; 'rebond find NAME' looks in all snapshots.": "« rebond ls SAUVEGARDE {parent} » montre ce qui y est ; « rebond find NOM » cherche dans toutes les sauvegardes.",
    "{text} is a day of which there is a snapshot, and the start of the id {id}.": "{text} est un jour dont il existe une "
    "sauvegarde, et le début de l'identifiant {id}.",
    "Write the date with dashes, or more of the id.": "Écrivez la date avec des tirets, ou davantage de l'identifiant.",
    "'{text}' is not clear: the vault holds the stacks {stacks}.": "« {text} » n'est pas clair : le coffre contient les "
    "piles {stacks}.",
    "Name the snapshot by its id, or say which stack with --stack.": "Nommez la sauvegarde par son identifiant, ou dites "
    "quelle pile avec --stack.",
    "No whole snapshot fits {text}.": "Aucune sauvegarde entière ne correspond à {text}.",
    "'rebond snapshots' lists what there is, with the state of each.": "« rebond snapshots » liste ce qu'il y a, avec "
    "l'état de chacune.",
    "{text} is not a date.": "{text} n'est pas une date.",
    "Write it as 2026-02-04 or 2026-02-04T03:00.": "Écrivez-la 2026-02-04 ou 2026-02-04T03:00.",
    "There is no snapshot of {text}.": "Il n'y a pas de sauvegarde du {text}.",
    "'rebond snapshots' lists them with their times.": "« rebond snapshots » les liste avec leurs dates.",
    "No snapshot has an id that starts with {prefix}.": "Aucune sauvegarde n'a un identifiant qui commence par {prefix}.",
    "'rebond snapshots' lists them; forgotten ones are under --trash.": "« rebond snapshots » les liste ; celles qui sont "
    "oubliées sont sous --trash.",
    "{prefix} is the start of several ids: {ids}.": "{prefix} est le début de plusieurs identifiants : {ids}.",
    "Give more of it.": "Donnez-en plus.",
    "There is no snapshot in this vault yet.": "Il n'y a pas encore de sauvegarde dans ce coffre.",
    "Make one with 'rebond backup'; 'rebond snapshots' lists them.": "Faites-en une avec « rebond backup » ; « rebond "
    "snapshots » les liste.",
    "{text} is a component, and the first word names a snapshot.": "{text} est un composant, et le premier mot nomme une sauvegarde.",
    "Put the snapshot before it, such as: latest {text}": "Mettez la sauvegarde devant, par exemple : latest {text}",
    "{text} names no snapshot.": "{text} ne nomme aucune sauvegarde.",
    "Give an id or the start of one, 'latest', 'latest:CLASS' or a date such as 2026-02-04; 'rebond snapshots' lists "
    "them.": "Donnez un identifiant ou son début, « latest », « latest:CLASSE » ou une date comme 2026-02-04 ; « rebond "
    "snapshots » les liste.",
    "Set TMPDIR to a directory that this user may write to.": "Définissez TMPDIR vers un répertoire où cet utilisateur a le droit d'écrire.",
}
