"""French for SQLite databases and for commands inside containers."""

CHANNELS: dict[str, str] = {
    "'{text}' is no address of a container.": "« {text} » n'est pas l'adresse d'un conteneur.",
    "Write compose:NAME, docker:NAME, podman:NAME or kubernetes:KIND/NAME[/CONTAINER].": "Écrivez compose:NOM, docker:NOM, "
    "podman:NOM ou kubernetes:TYPE/NOM[/CONTENEUR].",
    "kubectl cannot run a command as another user: {user}.": "kubectl ne peut lancer une commande sous un autre "
    "utilisateur : {user}.",
    "Take 'user' out for {address}; let the command itself change the user, for instance with su.": "Retirez « user » pour "
    "{address} ; laissez la commande elle-même changer d'utilisateur, par exemple avec su.",
    "Neither 'docker compose' nor 'docker-compose' works here.": "Ni « docker compose » ni « docker-compose » ne marche ici.",
    "Install the compose plugin of docker (package docker-compose-plugin or docker-compose-v2).": "Installez l'extension "
    "compose de docker (paquet docker-compose-plugin ou docker-compose-v2).",
    "{client} is not installed here, and {address} is reached by it.": "{client} n'est pas installé ici, et c'est par lui "
    "qu'on atteint {address}.",
    "Install it, or put it on the PATH of this run.": "Installez-le, ou mettez-le dans le PATH de cette exécution.",
    "The stream of {program} in {address} was cut: {client} ended well, but the mark at its end is missing.": "Le flux de "
    "{program} dans {address} a été coupé : {client} s'est bien terminé, mais la marque de fin manque.",
    "Run the backup again. If that happens often, see whether a proxy ends connections that are idle.": "Relancez la "
    "sauvegarde. Si cela arrive souvent, voyez si un mandataire coupe les connexions inactives.",
    "{client} translated the line ends of what {program} wrote in {address}: it is not what was written.": "{client} a "
    "traduit les fins de ligne de ce que {program} a écrit dans {address} : ce n'est plus ce qui a été écrit.",
    "Do not let it make a terminal (tty: true, or an alias with -t); then run the backup again.": "Ne le laissez pas ouvrir "
    "de terminal (tty: true, ou un alias avec -t) ; puis relancez la sauvegarde.",
    "Nothing in {place} can join a command to the server's socket: neither perl, python3, socat, nc nor bash is there, "
    "and its log is streamed through one of them.": "Rien dans {place} ne peut relier une commande au socket du serveur : "
    "ni perl, ni python3, ni socat, ni nc, ni bash n'y est, et son journal passe par l'un d'eux.",
    "Add one of them to the image; or publish the port of the server and name it with host and port, without 'in' and "
    "'volume'; or put rebond-wal into the image and set wal = \"archive-command\".": "Ajoutez l'un d'eux à l'image ; ou "
    "publiez le port du serveur et nommez-le par host et port, sans 'in' ni 'volume' ; ou mettez rebond-wal dans l'image et "
    'réglez wal = "archive-command".',
    "No socket could be made at {path}: {reason}.": "Aucun socket n'a pu être créé à {path} : {reason}.",
    "Set TMPDIR to a directory with a short name that this user may write to.": "Réglez TMPDIR sur un répertoire au nom "
    "court où cet utilisateur peut écrire.",
    "{address} cannot be reached by {client}: {words}": "{address} ne peut être atteint par {client} : {words}",
    "See whether it runs, and whether you may use it: {client} must work from the same account.": "Voyez s'il tourne, et si "
    "vous avez le droit de l'utiliser : {client} doit marcher depuis le même compte.",
    "{program} cannot be run in {address}: {words}": "{program} ne peut être lancé dans {address} : {words}",
    "Check that the image holds it, and a shell called sh.": "Vérifiez que l'image le contient, ainsi qu'un shell nommé sh.",
    "{program} was killed in {address} (status 137): its container was stopped, or memory ran out. {words}": "{program} a "
    "été tué dans {address} (code 137) : son conteneur a été arrêté, ou la mémoire a manqué. {words}",
    "'{command}' says which; then run it again, or give it more memory.": "« {command} » dit lequel des deux ; puis "
    "relancez, ou donnez-lui plus de mémoire.",
    "{address} cannot be reached by {client}, which says nothing of why.": "{address} ne peut être atteint par {client}, qui ne "
    "dit pas pourquoi.",
    "The database {path} is damaged, so it is not saved: {reason}": "La base {path} est endommagée, donc elle n'est pas "
    "sauvegardée : {reason}",
    "Restore it from an earlier snapshot, or save what is readable: sqlite3 {path} .recover": "Restaurez-la d'une sauvegarde "
    "antérieure, ou sauvez ce qui est lisible : sqlite3 {path} .recover",
    "The database {path} could not be copied: {reason}.": "La base {path} n'a pas pu être copiée : {reason}.",
    "Run 'PRAGMA integrity_check' on it with sqlite3, and check the disk.": "Lancez « PRAGMA integrity_check » dessus avec "
    "sqlite3, et vérifiez le disque.",
    "{path} is no file.": "{path} n'est pas un fichier.",
    "Name the file of the database.": "Nommez le fichier de la base.",
    "{path} is no SQLite database, or it is encrypted.": "{path} n'est pas une base SQLite, ou elle est chiffrée.",
    "Check the path. Save an encrypted database by the program that has its key, with --command.": "Vérifiez le chemin. "
    "Sauvegardez une base chiffrée par le programme qui en a la clé, avec --command.",
    "The database {path} cannot be opened: {reason}.": "La base {path} ne peut être ouverte : {reason}.",
    "Run the backup as the user whose program writes it, or as root.": "Lancez la sauvegarde sous l'utilisateur dont le "
    "programme l'écrit, ou en root.",
    "There is no room for a copy of the database {path}.": "Il n'y a pas de place pour une copie de la base {path}.",
    "Set TMPDIR to a directory with room for it.": "Donnez à TMPDIR un dossier qui a assez de place.",
    "The database {path} cannot be reached: {reason}.": "La base {path} ne peut être atteinte : {reason}.",
    "Check the path, and that what it lies on is mounted.": "Vérifiez le chemin, et que ce qui le porte est monté.",
    "The database {path} has been locked by another program for {seconds} s.": "La base {path} est verrouillée par un autre "
    "programme depuis {seconds} s.",
    "See which program holds it (fuser {path}), or give a longer timeout; then run the backup again.": "Voyez quel programme "
    "la tient (fuser {path}), ou donnez un délai plus long ; puis relancez la sauvegarde.",
    "No private directory could be made in {place}: {reason}.": "Aucun dossier privé n'a pu être créé dans {place} : {reason}.",
    "Set TMPDIR to a directory with room for a copy.": "Donnez à TMPDIR un dossier qui a la place d'une copie.",
    "There is no SQLite database to save.": "Il n'y a aucune base SQLite à sauvegarder.",
    "Check the paths; * fits only what is there.": "Vérifiez les chemins ; * ne vaut que pour ce qui existe.",
    "The command of the component {component} is a pipeline in which a failure could go unseen.": "La commande du composant "
    "{component} est un enchaînement de tubes où un échec pourrait passer inaperçu.",
    "Write it as text instead of a list, or add -o pipefail.": "Écrivez-la en texte plutôt qu'en liste, ou ajoutez "
    "-o pipefail.",
    "The command for the length of {component} did not print a number of bytes.": "La commande qui donne la longueur de "
    "{component} n'a pas affiché un nombre d'octets.",
    "It has to print one number and nothing else.": "Elle doit afficher un nombre et rien d'autre.",
    "No database of the component {component} fits {path}.": "Aucune base du composant {component} ne correspond à {path}.",
    "Check the path, or take it out of the configuration.": "Vérifiez le chemin, ou retirez-le de la configuration.",
    "The database {path} is an empty file.": "La base {path} est un fichier vide.",
    "Check the path; allow_empty saves it all the same.": "Vérifiez le chemin ; allow_empty la sauvegarde quand même.",
    "The copy of {name} could not be read: {reason}.": "La copie de {name} n'a pas pu être lue : {reason}.",
    "Check the disk that TMPDIR lies on.": "Vérifiez le disque qui porte TMPDIR.",
    "No container is called {name}: {client} takes that for the beginning of an id, and means {other}.": "Aucun conteneur ne "
    "s'appelle {name} : {client} prend cela pour le début d'un identifiant, et veut dire {other}.",
    "See '{client} ps --all'; start the container {name}, or write the name that it has now.": "Voyez « {client} ps --all » ; "
    "démarrez le conteneur {name}, ou écrivez le nom qu'il a maintenant.",
}
