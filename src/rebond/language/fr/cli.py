"""French for what the command line says itself, and for the parts without a module of their own."""

CLI: dict[str, str] = {
    "{word}: {text}": "{word} : {text}",
    # consent, endings
    "This needs a confirmation, and there is no terminal to ask on.": "Il faut une confirmation, et il n'y a pas de "
    "terminal où la demander.",
    "Add --yes.": "Ajoutez --yes.",
    "Not confirmed. Nothing was changed.": "Non confirmé. Rien n'a été changé.",
    "--dry-run shows what would be done.": "--dry-run montre ce qui serait fait.",
    "yes": "oui",
    "no": "non",
    "'{command} --help' shows how it is written.": "« {command} --help » montre comment l'écrire.",
    "The folder that this was started in is gone, or another one took its name.": "Le dossier d'où ceci a été lancé n'existe "
    "plus, ou un autre a pris son nom.",
    "Go to it again, or to another one (cd), then run the same command again.": "Retournez-y, ou allez dans un autre (cd), "
    "puis relancez la même commande.",
    "Interrupted. Nothing is half done: what was finished stays, the rest begins where it stopped.": "Interrompu. Rien "
    "n'est fait à moitié : ce qui était fini reste, la suite reprend où elle s'est arrêtée.",
    "Run the same command again to go on.": "Relancez la même commande pour continuer.",
    "Rebond stopped at a fault of its own: {kind}.": "Rebond s'est arrêté sur un défaut qui est le sien : {kind}.",
    "The report is in {path}; it holds no secret. Please send it with your account.": "Le rapport est dans {path} ; il "
    "ne contient aucun secret. Merci de l'envoyer avec votre récit.",
    "No report could be written. Set REBOND_STATE_DIR to a folder that can be.": "Aucun rapport n'a pu être écrit. "
    "Donnez à REBOND_STATE_DIR un dossier où c'est possible.",
    "The answer could not be written to standard output: {reason}.": "La réponse n'a pas pu être écrite sur la sortie standard : {reason}.",
    "What was to be done is done. Look at where the output goes.": "Ce qui était à faire est fait. Voyez où va la sortie.",
    "What arrived is not a whole file. Look at where the output goes, then run the same command again.": "Ce qui est arrivé n'est pas un fichier entier. Voyez où va la sortie, puis relancez la même commande.",
    # options and secrets
    "No vault was named.": "Aucun coffre n'est nommé.",
    "'{text}' is not a share.": "« {text} » n'est pas une part.",
    "Write I/N with 0 ≤ I < N, such as 0/4.": "Écrivez I/N avec 0 ≤ I < N, par exemple 0/4.",
    "Passphrase or recovery key: ": "Phrase de passe ou clé de secours : ",
    "Passphrase of the key file: ": "Phrase de passe du fichier de clé : ",
    "New passphrase: ": "Nouvelle phrase de passe : ",
    "The same again: ": "La même, encore une fois : ",
    "The two passphrases differ.": "Les deux phrases de passe diffèrent.",
    "Run the same command again. Nothing was made.": "Relancez la même commande. Rien n'a été créé.",
    "No secret was given for what is to be made, and there is no terminal to ask on.": "Aucun secret n'est donné pour ce qui est à créer, et il n'y a pas de terminal pour le demander.",
    "Set REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE or REBOND_PASSPHRASE_COMMAND; or let a key file be made in place of a passphrase: --key-file FILE.": "Définissez REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE ou REBOND_PASSPHRASE_COMMAND ; ou faites créer un fichier de clé au lieu d'une phrase de passe : --key-file FICHIER.",
    "No secret was given, and there is no terminal to ask on.": "Aucun secret n'est donné, et il n'y a pas de terminal "
    "où le demander.",
    "Set REBOND_KEY_FILE, REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE or REBOND_PASSPHRASE_COMMAND.": "Définissez "
    "REBOND_KEY_FILE, REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE ou REBOND_PASSPHRASE_COMMAND.",
    "The secret's file {path} cannot be read: {reason}.": "Le fichier du secret {path} ne peut être lu : {reason}.",
    "Check REBOND_KEY_FILE and REBOND_PASSPHRASE_FILE.": "Vérifiez REBOND_KEY_FILE et REBOND_PASSPHRASE_FILE.",
    "The command for the passphrase took longer than {seconds} s.": "La commande de la phrase de passe a duré plus de "
    "{seconds} s.",
    "Run it by hand to see what it waits for: {command}": "Lancez-la à la main pour voir ce qu'elle attend : {command}",
    "The command for the passphrase failed with status {status}.": "La commande de la phrase de passe a échoué avec le "
    "code {status}.",
    "Run it by hand to see why: {command}": "Lancez-la à la main pour voir pourquoi : {command}",
    "The command for the passphrase printed nothing.": "La commande de la phrase de passe n'a rien imprimé.",
    "It has to print the passphrase on its first line: {command}": "Elle doit imprimer la phrase de passe sur sa "
    "première ligne : {command}",
    # progress
    "{files} of {total} files": "{files} fichiers sur {total}",
    "{files} files": "{files} fichiers",
    "{done} of {total}": "{done} sur {total}",
    "{span} left": "encore {span}",
    "note": "remarque",
    "warning": "attention",
    "damage": "dommage",
    "looking": "examen",
    "backup": "sauvegarde",
    # backup and snapshots
    "Snapshot {id} stands: {names}, {files} files, {size}; {added} new, {stored} stored, in {span}.": "La sauvegarde "
    "{id} est faite : {names}, {files} fichiers, {size} ; {added} de nouveau, {stored} stockés, en {span}.",
    "There is nothing to save.": "Il n'y a rien à sauvegarder.",
    "'rebond init' writes a configuration for this directory. Without one: rebond backup --path DIR.": "« rebond init » "
    "écrit une configuration pour ce dossier. Sans elle : rebond backup --path DOSSIER.",
    "--until says how long a hold lasts.": "--until dit combien de temps dure une protection.",
    "Add --hold REASON.": "Ajoutez --hold RAISON.",
    "component": "composant",
    "left out by": "écarté par",
    "things": "éléments",
    "To look at, listed above: {count}.": "À regarder, listés plus haut : {count}.",
    "Written down and not saved, as the configuration says: {names}.": "Noté et non sauvegardé, comme le dit la "
    "configuration : {names}.",
    "id": "id",
    "time": "date",
    "stack": "pile",
    "class": "classe",
    "tags": "étiquettes",
    "state": "état",
    "files": "fichiers",
    "size": "taille",
    "added": "ajoutés",
    "Class {class_}, not proven by a drill yet.": "Classe {class_}, pas encore prouvée par un exercice.",
    "Class {class_}, last proven by a drill on {moment}.": "Classe {class_}, prouvée par un exercice le {moment}.",
    "Not proven by a drill yet.": "Pas encore prouvée par un exercice.",
    "Last proven by a drill on {moment}.": "Prouvée par un exercice le {moment}.",
    "Snapshot {id} of {moment}, {age} old: {names}, {files} files, {size}.": "Sauvegarde {id} du {moment}, vieille de "
    "{age} : {names}, {files} fichiers, {size}.",
    "Snapshot {id} of {moment}, dated {age} ahead of this machine's clock: {names}, {files} files, {size}. Newer ones may "
    "be dated earlier.": "Sauvegarde {id} du {moment}, datée {age} en avance sur l'horloge de cette machine : {names}, "
    "{files} fichiers, {size}. De plus récentes sont peut-être datées plus tôt.",
    "No snapshot fits.": "Aucune sauvegarde ne correspond.",
    "There is no snapshot yet.": "Il n'y a pas encore de sauvegarde.",
    "Two things are compared.": "On compare deux choses.",
    "Name two snapshots, or one and --live.": "Nommez deux sauvegardes, ou une seule et --live.",
    "Nothing differs.": "Rien ne diffère.",
    "Nothing fits in {count} snapshots.": "Rien ne correspond dans {count} sauvegardes.",
    # vault, keys, kit
    "vault": "coffre",
    "place": "lieu",
    "owner's key": "clé du propriétaire",
    "members": "membres",
    "store proved": "le stockage a prouvé",
    "The store does not keep a promise: {words}": "Le stockage ne tient pas une promesse : {words}",
    "A vault was made at {location}.": "Un coffre a été créé à {location}.",
    "Print the recovery kit above.": "Imprimez le kit de secours ci-dessus.",
    "Put it in a safe, away from this machine: it opens the vault.": "Mettez-le au coffre-fort, loin de cette machine : "
    "il ouvre le coffre.",
    "Put the recovery kit in a safe, away from this machine: it opens the vault.": "Mettez le kit de secours "
    "au coffre-fort, loin de cette machine : il ouvre le coffre.",
    "The recovery kit is in {path}.": "Le kit de secours est dans {path}.",
    "--key-file and --recovery-key exclude each other.": "--key-file et --recovery-key s'excluent.",
    "Run the command once for each.": "Lancez la commande une fois pour chacun.",
    "Slot {slot} opens the vault now.": "L'accès {slot} ouvre désormais le coffre.",
    "Remove slot {slot}?": "Retirer l'accès {slot} ?",
    "Slot {slot} opens the vault no more.": "L'accès {slot} n'ouvre plus le coffre.",
    "{path} exists already.": "{path} existe déjà.",
    "Choose another name.": "Choisissez un autre nom.",
    "The key file of {label} is {path}. Copy it where it is needed, then delete it here.": "Le fichier de clé de {label} "
    "est {path}. Copiez-le là où il sert, puis effacez-le ici.",
    "Shut {label} out for ever?": "Exclure {label} pour toujours ?",
    "{label} is shut out.": "{label} est exclu.",
    "{label} shared its domain and needs a new key file: rebond key issue writer NEW-LABEL --output FILE": "{label} partageait son domaine et a besoin d'un nouveau fichier de clé : rebond key issue writer NOUVEAU-NOM --output FICHIER",
    "opened with this one": "vient d'ouvrir le coffre",
    "opens nothing": "n'ouvre rien",
    "revoked {moment}": "révoqué le {moment}",
    "slot": "accès",
    "kind": "nature",
    "made": "créé",
    "member": "membre",
    "role": "rôle",
    "label": "nom",
    # sizes, spans, moments
    "'{text}' is not one moment: the clock was changed then, and it could be {first} or {second}.": "« {text} » n'est pas "
    "un seul instant : on changeait d'heure, et ce peut être {first} ou {second}.",
    "Add the offset that you mean, as in the two readings.": "Ajoutez le décalage voulu, comme dans ces deux lectures.",
    "'{text}' is not a moment.": "« {text} » n'est pas un instant.",
    "'{text}' is further away than calendars are kept here.": "« {text} » est trop loin pour les calendriers tenus ici.",
    "What {option} says is not text: some of its bytes are not UTF-8.": "Ce que dit {option} n'est pas du texte : "
    "certains de ses octets ne sont pas de l'UTF-8.",
    "The vault's address is not text: some of its bytes are not UTF-8, and the recovery kit has to name it.": "L'adresse "
    "du coffre n'est pas du texte : certains de ses octets ne sont pas de l'UTF-8, et le kit de récupération doit la "
    "nommer.",
    "Choose another directory.": "Choisissez un autre répertoire.",
    "Write it again in a terminal that speaks UTF-8, or in plain letters.": "Écrivez-le de nouveau dans un terminal en "
    "UTF-8, ou en lettres simples.",
    "Write a year from {first} to {last}.": "Écrivez une année de {first} à {last}.",
    "Write 2026-02-04, '2026-02-04 14:32:07', '2026-02-04 14:32:07+01:00', or -2h for two hours ago.": "Écrivez "
    "2026-02-04, '2026-02-04 14:32:07', '2026-02-04 14:32:07+01:00', ou -2h pour il y a deux heures.",
    "'{text}' is not a size.": "« {text} » n'est pas une taille.",
    "Write a number and a unit, such as 500kB, 10MB or 1GiB.": "Écrivez un nombre et une unité, comme 500kB, 10MB ou "
    "1GiB.",
    "'{text}' is not a length of time.": "« {text} » n'est pas une durée.",
    "Write numbers with s, m, h, d, w, mo or y, such as 30d, 2h or 1h30m.": "Écrivez des nombres avec s, m, h, d, w, mo "
    "ou y, comme 30d, 2h ou 1h30m.",
    "it is empty; is a variable not set?": "elle est vide ; une variable n'est-elle pas définie ?",
    "Did you mean '{name}'?": "Vouliez-vous dire « {name} » ?",
    "A hold has a reason.": "Une protection a une raison.",
    "Say why, for whoever wonders in a year: --reason TEXT.": "Dites pourquoi, pour qui se le demandera dans un an : "
    "--reason TEXTE.",
    "List the vaults at and below an address; takes no secret.": "Lister les coffres à une adresse et au-dessous ; ne prend aucun secret.",
    "List the vaults at URL and below it: a directory (a mounted disk), or a bucket. It takes no secret, and follows no links. A vault that cannot be read is listed with the reason, and the status is 3.": "Liste les coffres à URL et au-dessous : un dossier (un disque monté) ou un compartiment. Ne prend aucun secret et ne suit aucun lien. Un coffre illisible est listé avec sa raison, et l'état est 3.",
    "How many levels below URL are looked at.": "Combien de niveaux sous URL sont regardés.",
    "There is no vault at {location}, nor within {levels} levels below it.": "Il n'y a aucun coffre à {location}, ni dans les {levels} niveaux au-dessous.",
    "Check the address and that its disk is mounted, or look deeper: --levels {more}.": "Vérifiez l'adresse et que son disque est monté, ou regardez plus profond : --levels {more}.",
    "Nothing can be looked for below {address}.": "On ne peut rien chercher sous {address}.",
    "Give a directory, or s3://, gs:// or az:// with a bucket.": "Donnez un dossier, ou s3://, gs:// ou az:// avec un compartiment.",
}
