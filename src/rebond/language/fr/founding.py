"""What ``rebond init`` says, and the comments of the configuration that it writes, in French."""

FOUNDING: dict[str, str] = {
    "Look at this directory, write rebond.toml, make the vault.": "Regarder ce dossier, écrire rebond.toml, créer le coffre.",
    "Look at this directory (compose files, Django, .env, volumes, databases, git), write a commented rebond.toml without a secret in it, make the vault and print the recovery kit. It runs nothing of the project. Run again, it changes nothing; cut short, it goes on.": "Regarde ce dossier (fichiers compose, Django, .env, volumes, bases, git), écrit un rebond.toml commenté qui ne contient aucun secret, crée le coffre et imprime le kit de secours. N'exécute rien du projet. Relancé, ne change rien ; interrompu, continue.",
    "Only a writer's key file stays here: this machine cannot read its backups. The owner's key is in the kit.": "Seul le fichier de clé d'un writer reste ici : cette machine ne peut lire ses sauvegardes. La clé du propriétaire est dans le kit.",
    "Where the vault goes (a directory, or s3://BUCKET/PREFIX)": "Où va le coffre (un dossier, ou s3://BUCKET/PRÉFIXE)",
    "There is a configuration already: {path}. Nothing was changed.": "Il y a déjà une configuration : {path}. Rien n'a été changé.",
    "Next: rebond doctor, then rebond backup. 'rebond restore latest --to DIR' brings it back.": "Ensuite : rebond doctor, puis rebond backup. « rebond restore latest --to DOSSIER » le ramène.",
    "A second copy elsewhere helps against the loss of this machine. This version does not make it by itself: copy the "
    "vault there with another tool, and name the place here, for the runbook.": "Une deuxième copie ailleurs protège de la "
    "perte de cette machine. Cette version ne la fait pas d'elle-même : copiez-y le coffre avec un autre outil, et nommez "
    "le lieu ici, pour le manuel d'exploitation.",
    "What Rebond saves of {name}, when, and how long it is kept. Change it as you like.": "Ce que Rebond sauvegarde de {name}, quand, et combien de temps. À modifier librement.",
    "'rebond config check' says what is wrong with it, 'rebond doctor' what keeps a backup from working.": "« rebond config check » dit ce qui n'y va pas, « rebond doctor » ce qui empêche une sauvegarde de marcher.",
    "what is saved": "ce qui est sauvegardé",
    "when, and how long it is kept": "quand, et combien de temps c'est gardé",
    "Run the command as a user who may, or put it elsewhere: rebond init --config ~/rebond.toml": "Lancez la commande sous un utilisateur qui l'a, ou mettez-le ailleurs : rebond init --config ~/rebond.toml",
    "{path} was written. It saves: {names}.": "{path} est écrit. Sont sauvegardés : {names}.",
    "The vault is at {location}.": "Le coffre est à {location}.",
    "{path} names a vault at {location}, and there is none.": "{path} nomme un coffre à {location}, et il n'y en a pas.",
    "If its disk is not mounted, mount it. If there never was one, run: rebond vault create": "Si son disque n'est pas monté, montez-le. S'il n'y en a jamais eu, lancez : rebond vault create",
    "{path} cannot be written: {reason}.": "{path} ne peut être écrit : {reason}.",
    "Free the place, then run the same command: it goes on where it stopped.": "Libérez la place, puis relancez la même commande : elle reprend où elle s'est arrêtée.",
    "Written as comments, and not saved: {names}.": "Écrits en commentaire, et non sauvegardés : {names}.",
    "This machine can save and cannot read what it saved: a restore takes the recovery key.": "Cette machine peut sauvegarder et ne peut lire ce qu'elle a sauvegardé : une restauration demande la clé de secours.",
    "It lies on this machine: it helps against mistakes, not against the loss of the machine.": "Il est sur cette machine : il protège des erreurs, pas de la perte de la machine.",
    "What was chosen cannot be kept in {path}: {reason}. Should this run be cut, name --vault again.": "Le choix ne peut être gardé dans {path} : {reason}. Si ceci est interrompu, redonnez --vault.",
    "A writer's key: with it this machine can save, and can read nothing that it saved.": "Une clé de writer : avec elle cette machine peut sauvegarder, et ne peut rien lire de ce qu'elle a sauvegardé.",
    "The owner's key: whoever has this file reads everything. The recovery kit opens the vault too, and belongs in a safe.": "La clé du propriétaire : qui a ce fichier lit tout. Le kit de secours ouvre aussi le coffre ; sa place est dans un coffre-fort.",
    "{path} cannot be used for key files: {reason}.": "{path} ne peut servir aux fichiers de clés : {reason}.",
    "Run the command as a user who may write there, or set XDG_CONFIG_HOME to a directory of yours.": "Lancez la commande sous un utilisateur qui peut y écrire, ou mettez dans XDG_CONFIG_HOME un dossier à vous.",
    "There is a vault at {location} already, and this machine has no key file of its owner for it.": "Il y a déjà un coffre à {location}, et cette machine n'a pas de fichier de clé de son propriétaire.",
    "Choose another place with --vault. To use that vault, let its owner run: rebond key issue writer LABEL --output FILE": "Choisissez un autre lieu par --vault. Pour utiliser ce coffre-là, son propriétaire lance : rebond key issue writer NOM --output FICHIER",
    "{path} is there and is no owner's key file.": "{path} est là et n'est pas un fichier de clé de propriétaire.",
    "Move it away, or give another name to the directory.": "Déplacez-le, ou donnez un autre nom au dossier.",
    "{path} is the key file of another vault.": "{path} est le fichier de clé d'un autre coffre.",
    "Move it away, then run the same command.": "Déplacez-le, puis relancez la même commande.",
    # the comments of what is written
    "Compose refuses to start while the variable {name} is not set: {words}": "Compose refuse de démarrer tant que la variable {name} n'est pas définie : {words}",
    "The service {service} extends {base}, which is not there or extends it in turn.": "Le service {service} étend {base}, qui n'est pas là ou l'étend à son tour.",
    "Compose takes these variables as empty, because they are not set: {names}.": "Compose prend ces variables pour vides, car elles ne sont pas définies : {names}.",
    "{file} cannot be read: {reason}.": "{file} ne peut être lu : {reason}.",
    "Tags and digests of the images, and those whole that no registry holds.": "Étiquettes et empreintes des images, et en entier celles qu'aucun registre ne garde.",
    "What the label rebond.rpo wants more often than once a day.": "Ce que l'étiquette rebond.rpo veut plus d'une fois par jour.",
    "STATIC_ROOT: made again after a restore, and not saved.": "STATIC_ROOT : refait après une restauration, et non sauvegardé.",
    "SQLite, copied while programs use it.": "SQLite, copié pendant que les programmes s'en servent.",
    "Files with secrets, in snapshots of their own, at every change, kept for ever.": "Fichiers de secrets, dans des sauvegardes à eux, à chaque changement, gardées pour toujours.",
    "Secrets are in it ({paths}); the vault is sealed, and only its owner reads them.": "Il contient des secrets ({paths}) ; le coffre est scellé, et seul son propriétaire les lit.",
    "Dependencies: could be made again, but a restore is quicker and certain.": "Dépendances : on pourrait les refaire, mais une restauration est plus rapide et sûre.",
    "Nothing of it is saved: it has to be clean and pushed, and you hear when it is not.": "Rien n'en est sauvegardé : il doit être propre et poussé, et vous apprenez quand il ne l'est pas.",
    "PostgreSQL answers in {folder}, port {port}. If it belongs to this stack, take the # away.": "PostgreSQL répond dans {folder}, port {port}. S'il fait partie de cette application, ôtez les #.",
    "Other compose files, which are not read, so that nothing of them is saved: {files}. If they belong to the stack, "
    "name all of them in COMPOSE_FILE before the first rebond init.": "Autres fichiers compose, qui ne sont pas lus, si "
    "bien que rien n'en est sauvegardé : {files}. S'ils font partie de l'application, nommez-les tous dans COMPOSE_FILE "
    "avant le premier rebond init.",
    '{service} writes here while it is copied. A copy that is certain takes its own program: kind = "command", or hooks '
    "that stop it.": "{service} écrit ici pendant la copie. Une copie sûre demande son propre programme : "
    'kind = "command", ou des commandes qui l\'arrêtent.',
    "The files of {names} are copied while they are written, and the copy may not start: write a component of kind "
    '"command" that dumps them, or hooks that stop them.': "Les fichiers de {names} sont copiés pendant qu'ils sont "
    'écrits, et la copie peut ne pas démarrer : écrivez un composant de genre "command" qui les exporte, ou des '
    "commandes qui les arrêtent.",
    "Mounted by compose, and not saved, because it belongs to the machine: {paths}.": "Monté par compose, et non "
    "sauvegardé, car cela appartient à la machine : {paths}.",
    "Mounted by compose, and not saved as a whole, because this directory lies in it: {paths}. Write a component for "
    "what else belongs to the stack.": "Monté par compose, et non sauvegardé en entier, car ce répertoire s'y trouve : "
    "{paths}. Écrivez un composant pour ce qui d'autre fait partie de l'application.",
    "These volumes are not saved, because no service that was looked at mounts them: {names}.": "Ces volumes ne sont pas "
    "sauvegardés, car aucun service examiné ne les monte : {names}.",
    "{path} of this machine, which compose mounts in {service}.": "{path} de cette machine, que compose monte dans "
    "{service}.",
    "What the label {label} of {service} says cannot be meant, and is left out: {text}": "Ce que dit l'étiquette {label} "
    "de {service} ne peut être voulu, et est laissé de côté : {text}",
    "{files} names no service that could be read (they stand below services:), so nothing of what it starts is saved.": (
        "{files} ne nomme aucun service qui ait pu être lu (ils se trouvent sous services:), si bien que rien de ce "
        "qu'il démarre n'est sauvegardé."
    ),
    "The label rebond.kind of {service} says files, and no label rebond.path says which.": "L'étiquette rebond.kind de "
    "{service} dit files, et aucune étiquette rebond.path ne dit lesquels.",
    "smart leaves out .git, logs and temporary files: {remote} has what is pushed.": "smart laisse .git, journaux et fichiers temporaires : {remote} a ce qui est poussé.",
    "{path} is left out: {service} writes there, and a copy of it would be worth nothing.": "{path} est laissé de côté : {service} y écrit, et une copie ne vaudrait rien.",
    "Not there yet: {paths}. Take the # away when it is.": "Pas encore là : {paths}. Ôtez les # quand il y sera.",
    "How long is what BACKUP_RETENTION_DAYS says.": "La durée est celle que dit BACKUP_RETENTION_DAYS.",
    "kubectl would talk to the context {context}, namespace {namespace}; not used here.": "kubectl parlerait au contexte {context}, espace {namespace} ; non utilisé ici.",
    "Git has no remote here, so .git is saved too.": "Git n'a pas de dépôt distant ici : .git est donc sauvegardé aussi.",
    "Everything, every night. What did not change takes no room.": "Tout, chaque nuit. Ce qui n'a pas changé ne prend pas de place.",
    "Before something is changed: rebond backup --class pre-deployment": "Avant un changement : rebond backup --class pre-deployment",
    "MEDIA_ROOT of {manage}: what users uploaded.": "MEDIA_ROOT de {manage} : ce que les utilisateurs ont déposé.",
    "Saved by the database's own program, whose last line says that the dump is whole.": "Sauvegardé par le programme de la base, dont la dernière ligne dit que la copie est entière.",
    "The service {service} of compose, image {image}.": "Le service {service} de compose, image {image}.",
    "Units of systemd that start what lies here: {names}. After a return, systemctl daemon-reload.": "Unités de systemd qui démarrent ce qui se trouve ici : {names}. Après un retour, systemctl daemon-reload.",
    "Other services mount its data too, and are taken for helpers of it: {names}.": "D'autres services montent aussi ses données, et passent pour ses aides : {names}.",
    "Several databases of it are named ({names}): all that are there are saved, with the roles.": "Plusieurs de ses bases sont nommées ({names}) : toutes celles qui s'y trouvent sont sauvegardées, avec les rôles.",
    "The database that the file of variables names.": "La base que nomme le fichier de variables.",
    "The database that DATABASE_URL names.": "La base que nomme DATABASE_URL.",
    "Its address or password has signs of its own: write this component by hand.": "Son adresse ou son mot de passe a des signes à part : écrivez ce composant à la main.",
    "This version of Rebond cannot save this yet; it is not saved.": "Cette version de Rebond ne sait pas encore le sauvegarder ; il ne l'est pas.",
    '{service} holds what may be lost. If not: kind = "redis" and in = "compose:{service}".': '{service} contient ce qui peut être perdu. Sinon : kind = "redis" et in = "compose:{service}".',
    "The label of {service} says not to save it.": "L'étiquette de {service} dit de ne pas le sauvegarder.",
    "Not looked at, because their profiles are not active: {names}.": "Non regardés, car leurs profils ne sont pas actifs : {names}.",
    "The volume {volume} ({path} in {service}) is not saved: it can be made again.": "Le volume {volume} ({path} dans {service}) n'est pas sauvegardé : il peut être refait.",
    "The label {label} of {service} is not known; there is: {nearest}.": "L'étiquette {label} de {service} n'est pas connue ; il y a : {nearest}.",
    "{path} is there, and is no file with a configuration.": "{path} est là, et n'est pas un fichier de configuration.",
    "Move it away, or name another place: rebond init --config ~/rebond.toml": "Déplacez-le, ou nommez un autre endroit : "
    "rebond init --config ~/rebond.toml",
    "Name another place for the recovery kit with --kit.": "Nommez un autre endroit pour le kit de secours avec --kit.",
    "Named, and nothing of it saved: {names}.": "Nommés, et rien n'en est sauvegardé : {names}.",
    "The vault was there already, so no recovery kit was made, and {path} was not written: 'rebond kit' prints one.": (
        "Le coffre était déjà là : aucun kit de secours n'a donc été fait, et {path} n'a pas été écrit ; 'rebond kit' en "
        "imprime un."
    ),
    "STATIC_ROOT: made again after a restore; saved, since it holds other files too.": "STATIC_ROOT : refait après une "
    "restauration ; sauvegardé, car il contient aussi d'autres fichiers.",
    "The settings of {manage} were not found, so nobody looked which databases and uploads they name. "
    "DJANGO_SETTINGS_MODULE can name them.": "Les réglages de {manage} n'ont pas été trouvés : les bases et les fichiers "
    "déposés qu'ils nomment n'ont donc pas été cherchés. DJANGO_SETTINGS_MODULE peut les nommer.",
    "By the settings of {manage}, uploads go to {storage}. What lies there is not saved.": "D'après les réglages de "
    "{manage}, les fichiers déposés vont dans {storage}. Ce qui s'y trouve n'est pas sauvegardé.",
    "MEDIA_ROOT of {manage} cannot be told without running it. If uploads lie outside of this directory, write a "
    "component for them.": "MEDIA_ROOT de {manage} ne se connaît pas sans l'exécuter. Si les fichiers déposés se trouvent "
    "hors de ce répertoire, écrivez un composant pour eux.",
    "MEDIA_ROOT of {manage} is {path}, which is not on this machine: what users uploaded is not saved.": "MEDIA_ROOT de "
    "{manage} est {path}, qui n'est pas sur cette machine : ce que les utilisateurs ont déposé n'est pas sauvegardé.",
    "{source} names a database ({kind}, host {host}) that nothing here saves: write a component for it.": "{source} nomme "
    "une base ({kind}, hôte {host}) que rien ici ne sauvegarde : écrivez un composant pour elle.",
    "Manifests of Kubernetes are here. What runs in the cluster was not looked at, and is not saved: write components "
    'with in = "kubernetes:KIND/NAME".': "Des manifestes Kubernetes sont ici. Ce qui tourne dans la grappe n'a pas été "
    'examiné, et n\'est pas sauvegardé : écrivez des composants avec in = "kubernetes:KIND/NAME".',
    "There are too many folders here to look into each: settings and databases far below were not looked for.": "Il y a "
    "trop de dossiers ici pour regarder dans chacun : réglages et bases des profondeurs n'ont pas été cherchés.",
    "The variables {names} name a database, and nothing here saves one: write a component for it.": "Les variables "
    "{names} nomment une base, et rien ici n'en sauvegarde une : écrivez un composant pour elle.",
    "The variables {names} name a place in an object store. What lies there is not saved.": "Les variables {names} "
    "nomment un endroit dans un stockage d'objets. Ce qui s'y trouve n'est pas sauvegardé.",
    "Links lead out of this directory, and only they are saved, not what they lead to: {paths}. Write a component for "
    "what belongs to the stack.": "Des liens mènent hors de ce répertoire ; eux seuls sont sauvegardés, pas ce vers quoi "
    "ils mènent : {paths}. Écrivez un composant pour ce qui fait partie de l'application.",
    "What the kernel makes is left out: {paths}.": "Ce que le noyau fabrique est laissé de côté : {paths}.",
    "{paths} cannot be read by this user, so nobody looked which databases are named there.": "{paths} ne peut être lu par "
    "cet utilisateur : les bases qui y sont nommées n'ont donc pas été cherchées.",
}
