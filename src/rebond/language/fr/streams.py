"""French for streams: standard input and commands."""

STREAMS: dict[str, str] = {
    "An empty directory or stream is meant.": "Un dossier ou un flux vide est voulu.",
    "'{word}' is not expected here.": "« {word} » n'est pas attendu ici.",
    "{component} is not compared: the snapshot {id} was made without it.": "{component} n'est pas comparé : la sauvegarde {id} a été faite sans lui.",
    "{component} ({kind}) is not compared: only files on this machine are.": "{component} ({kind}) n'est pas comparé : "
    "seuls les fichiers de cette machine le sont.",
    "Save what comes on standard input, as a file of this name.": "Sauvegarde ce qui vient de l'entrée standard, comme "
    "un fichier de ce nom.",
    "Save what a command writes, as a file of this name; the command follows after --. No shell reads it. A command "
    "that fails makes no snapshot.": "Sauvegarde ce qu'une commande écrit, comme un fichier de ce nom ; la commande suit "
    "après --. Aucun shell ne la lit. Une commande qui échoue ne fait pas de sauvegarde.",
    "The stream is whole only when its last 1,024 bytes hold this, such as 'dump complete'.": "Le flux n'est entier que "
    "si ses 1 024 derniers octets contiennent ceci, par exemple « dump complete ».",
    "The stream is whole only with so many bytes.": "Le flux n'est entier qu'avec ce nombre d'octets.",
    "Whether {name} is whole cannot be known: the program before the pipe may have failed.": "On ne peut savoir si {name} "
    "est entier : le programme avant le tube a pu échouer.",
    "Use --command, or add --expect-end or --expect-bytes.": "Utilisez --command, ou ajoutez --expect-end ou "
    "--expect-bytes.",
    "--expect-end and --expect-bytes are about a stream.": "--expect-end et --expect-bytes concernent un flux.",
    "Add --stdin NAME or --command NAME -- CMD.": "Ajoutez --stdin NOM ou --command NOM -- COMMANDE.",
    "--stdin and --command exclude each other.": "--stdin et --command s'excluent.",
    "Make two snapshots.": "Faites deux sauvegardes.",
    "--stdin takes no command.": "--stdin ne prend pas de commande.",
    "Write: rebond backup --command NAME -- CMD.": "Écrivez : rebond backup --command NOM -- COMMANDE.",
    "--expect-end takes 1 to {count} bytes of text.": "--expect-end prend un texte de 1 à {count} octets.",
    "Give something that only a whole stream ends with, such as 'dump complete'.": "Donnez ce par quoi seul un flux entier "
    "se termine, par exemple « dump complete ».",
    "There is no standard input to save.": "Il n'y a pas d'entrée standard à sauvegarder.",
    "Give it one: PROGRAM | rebond backup --stdin NAME.": "Donnez-en une : PROGRAMME | rebond backup --stdin NOM.",
    "No command was given.": "Aucune commande n'a été donnée.",
    "Of a pipeline, {shell} tells the status of the last program only: another could fail unseen.": "D'un enchaînement de "
    "tubes, {shell} ne donne que le code du dernier programme : un autre pourrait échouer sans qu'on le voie.",
    "Write: bash -o pipefail -c {script}": "Écrivez : bash -o pipefail -c {script}",
    "{option} is about files, and a stream is to be saved.": "{option} concerne des fichiers, et c'est un flux qui doit "
    "être sauvegardé.",
    "Leave it out, or save the files with a run of their own.": "Retirez cette option, ou sauvegardez les fichiers à part.",
    "Standard input was read already, and this run had to begin again.": "L'entrée standard a déjà été lue, et cette "
    "sauvegarde a dû recommencer.",
    "Run it again, with what writes the stream.": "Relancez-la, avec le programme qui écrit le flux.",
    "{name} is not whole: {count} bytes came, and {expected} were expected.": "{name} n'est pas entier : {count} octets "
    "sont venus, {expected} étaient attendus.",
    "See why what writes it stopped early or wrote more; then run the backup again.": "Voyez pourquoi ce qui l'écrit s'est "
    "arrêté trop tôt ou en a écrit davantage, puis relancez la sauvegarde.",
    "{name} is empty: nothing was written to the stream.": "{name} est vide : rien n'a été écrit dans le flux.",
    "See whether what writes it failed; --allow-empty saves it all the same.": "Voyez si ce qui l'écrit a échoué ; "
    "--allow-empty le sauvegarde quand même.",
    "{name} is not whole: its last {count} bytes do not hold the expected end.": "{name} n'est pas entier : ses {count} "
    "derniers octets ne contiennent pas la fin attendue.",
    "What writes it was cut or failed; see what it says, then run the backup again.": "Ce qui l'écrit a été coupé ou a "
    "échoué ; voyez ce qu'il dit, puis relancez la sauvegarde.",
    "{program} failed with status {status}, so what it wrote is not saved. Its last words: {words}": "{program} a échoué "
    "avec le code {status} ; ce qu'il a écrit n'est pas sauvegardé. Ses derniers mots : {words}",
    "{program} failed with status {status} and said nothing; what it wrote is not saved.": "{program} a échoué avec le "
    "code {status} sans rien dire ; ce qu'il a écrit n'est pas sauvegardé.",
    "{program} was ended by {signal}, so what it wrote is not saved. Its last words: {words}": "{program} a été arrêté par "
    "{signal} ; ce qu'il a écrit n'est pas sauvegardé. Ses derniers mots : {words}",
    "{program} was ended by {signal}, so what it wrote is not saved.": "{program} a été arrêté par {signal} ; ce qu'il a "
    "écrit n'est pas sauvegardé.",
    "Mend what it says, or run it by hand to see why; then run the same command again.": "Réparez ce qu'il dit, ou lancez-le à la main pour voir pourquoi ; puis relancez la même commande.",
    "Standard input could not be read: {reason}.": "L'entrée standard n'a pas pu être lue : {reason}.",
    "Give the command something to read: PROGRAM | rebond backup --stdin NAME.": "Donnez à lire à la commande : PROGRAMME "
    "| rebond backup --stdin NOM.",
    "the stream is not whole.": "le flux n'est pas entier.",
    "The error that follows says why.": "L'erreur qui suit dit pourquoi.",
    "'{name}' cannot be the name of a file.": "« {name} » ne peut être le nom d'un fichier.",
    "Give a name without slashes, such as shop.sql.": "Donnez un nom sans barre oblique, par exemple shop.sql.",
    "{name} can be read only once.": "{name} ne peut être lu qu'une fois.",
    "Run the backup again.": "Relancez la sauvegarde.",
    "The stream of {name} broke: {reason}.": "Le flux de {name} s'est rompu : {reason}.",
    "See what ended whatever writes it; then run the backup again.": "Voyez ce qui a arrêté ce qui l'écrit, puis relancez "
    "la sauvegarde.",
    "{name} was not read to its end, so nothing of it is saved.": "{name} n'a pas été lu jusqu'à la fin, donc rien n'en "
    "est sauvegardé.",
    "{program} could not be started: {reason}.": "{program} n'a pas pu être lancé : {reason}.",
    "Check how it is written, that it is installed, and that it is on the PATH of this run.": "Vérifiez comment il est "
    "écrit, qu'il est installé, et qu'il est dans le PATH de cette exécution.",
    "{program} could not be started in {directory}, which is no directory here.": "{program} n'a pas pu être lancé "
    "dans {directory}, qui n'est pas un répertoire ici.",
    "Make it, or bring it back first; or check how it is written.": "Créez-le, ou faites-le d'abord revenir ; ou "
    "vérifiez son écriture.",
    "{program} could not be started: there is no user {user} here.": "{program} n'a pas pu être lancé : il n'y a pas "
    "d'utilisateur {user} ici.",
    "Check the name.": "Vérifiez le nom.",
    "{program} took longer than {seconds} s and was ended, so what it wrote is not saved.": "{program} a duré plus de "
    "{seconds} s et a été arrêté ; ce qu'il a écrit n'est pas sauvegardé.",
    "See what it waits for, or give it more time.": "Voyez ce qu'il attend, ou donnez-lui plus de temps.",
    "A pipeline needs bash, which is not installed here: other shells do not see when its first program fails.": "Un "
    "enchaînement de tubes demande bash, qui n'est pas installé ici : les autres shells ne voient pas l'échec du premier "
    "programme.",
    "Install bash, or write the command without a pipeline.": "Installez bash, ou écrivez la commande sans tube.",
}
