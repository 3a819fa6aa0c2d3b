"""French: volumes of every kind, secrets beside other runs, what is kept by itself, who starts the runs."""

CLOSING: dict[str, str] = {
    # how often it is looked
    "'{key}' needs the trigger \"change\".": "« {key} » demande le déclencheur « change ».",
    'Add trigger = "change", or take {word} out.': 'Ajoutez trigger = "change", ou enlevez {word}.',
    "'{key}' is less than {count} seconds, and each look is a run.": "« {key} » est de moins de {count} secondes, et chaque regard est une exécution.",
    'Write look = "{count}s" or more. Files of this machine are looked at every second anyway.': 'Écrivez look = "{count}s" ou plus. Les fichiers de cette machine sont regardés chaque seconde de toute façon.',
    # forgetting by itself
    "Another vault of the configuration, by the name that keep uses.": "Un autre coffre de la configuration, par le nom qu'emploie keep.",
    "For timers: run when it is due, and not in a pause.": "Pour les minuteries : s'exécuter quand c'est dû, et pas pendant une pause.",
    "There is no vault '{name}' in the configuration.": "Il n'y a pas de coffre « {name} » dans la configuration.",
    "The key of this machine may only add: whoever holds the owner's or a keeper's forgets.": "La clé de cette machine ne peut qu'ajouter : c'est à qui détient celle du propriétaire ou d'un gardien d'oublier.",
    # who starts the runs
    "The configuration says that something else starts the runs.": "La configuration dit qu'autre chose lance les passages.",
    "Name who is to start them with --to, such as --to systemd, or under [schedule].": "Nommez qui doit les lancer avec --to, comme --to systemd, ou sous [schedule].",
    "Nothing starts {jobs} by itself: the runs are in the configuration, and nobody was told of them.": "Rien ne lance {jobs} : les passages sont dans la configuration, et personne n'en a été informé.",
    "Commits call for {classes}, and the hook of Git is not set.": "Les commits appellent {classes}, et le crochet de Git n'est pas posé.",
    "The timers are {user}'s own, and run only while {user} is logged in.": "Les minuteries sont celles de {user}, et ne tournent que tant que {user} a une session ouverte.",
    "The units are {user}'s own: they run while {user} is logged in, and always after: {command}": "Les unités sont celles de {user} : elles tournent tant que {user} a une session ouverte, et toujours après : {command}",
    "{client} has no container {container} here, in which the server of {component} runs, and nothing in this plan makes it.": "{client} n'a pas ici de conteneur {container}, où tourne le serveur de {component}, et rien dans ce plan ne le crée.",
    "Run it as it was run before (name, user and password), now or when the plan stops there and prints the line that goes on.\n  → For next time, write the command that makes it into 'restart' of {component}.\n  → Or bring the databases elsewhere: rebond recover {vault} --to DIR --into-server ADDRESS": "Lancez-le comme il l'avait été (mêmes nom, utilisateur et mot de passe), maintenant ou quand le plan s'arrêtera là et donnera la ligne qui continue.\n  → Pour la prochaine fois, écrivez dans 'restart' de {component} la commande qui le crée.\n  → Ou rapportez les bases ailleurs : rebond recover {vault} --to DOSSIER --into-server ADRESSE",
    "The vault {location} was made after this service began, and its unit may not write there.": "Le coffre {location} a été créé après le démarrage de ce service, et son unité n'a pas le droit d'y écrire.",
    "It ends, for systemd to start it again: then it may. Else: systemctl restart UNIT": "Il s'arrête, pour que systemd le redémarre : alors il l'aura. Sinon : systemctl restart UNITÉ",
    "{component} lies in a container of a Podman without root: what other users of it own may be shut here, and will belong to {user}. Put 'podman unshare' before the command that restores in place.": "{component} est dans un conteneur d'un Podman sans root : ce qui appartient à d'autres de ses utilisateurs peut être fermé ici, et appartiendra à {user}. Mettez « podman unshare » devant la commande qui restaure en place.",
    "{component} is read from a volume of a Podman without root: what other users of its containers own may be shut here, and will belong to {user}. Name the container (in = \"podman:NAME\"), and put 'podman unshare' before the command that restores in place.": "{component} est lu dans un volume d'un Podman sans root : ce qui appartient à d'autres utilisateurs de ses conteneurs peut être fermé ici, et appartiendra à {user}. Nommez le conteneur (in = \"podman:NAME\"), et mettez « podman unshare » devant la commande qui restaure en place.",
    "The runs are {user}'s, and {user} may not use {places}: each of them would fail. Install Rebond where everybody may run it, then 'rebond schedule install'; give {user} the files that it reads.": "Les exécutions sont celles de {user}, et {user} n'a pas le droit d'utiliser {places} : chacune échouerait. Installez Rebond là où tous peuvent le lancer, puis « rebond schedule install » ; donnez à {user} les fichiers qu'il lit.",
    # what could not be read
    "When it was made, {count} problems were noticed; 'rebond history' on {host} lists them.": "Quand elle a été faite, {count} problèmes ont été remarqués ; « rebond history » sur {host} les énumère.",
    "The units in {folder} are not enabled: systemd starts nothing.": "Les unités dans {folder} ne sont pas activées : systemd ne démarre rien.",
    # what saves a path
    "{path} is saved by the component {component} ({kind}), out of {place}.": "{path} est sauvegardé par le composant {component} ({kind}), depuis {place}.",
    "{path} is saved by the component {component} ({kind}).": "{path} est sauvegardé par le composant {component} ({kind}).",
    "They are in the vault {vault}: --vault says where.": "Elles sont dans le coffre {vault} : --vault dit où.",
    # clients that reach nothing
    "{client} does not reach what it asks: {words}": "{client} n'atteint pas ce qu'il interroge : {words}",
    # volumes
    "No running container has the volume {name}, and what is to be asked runs in one.": "Aucun conteneur en marche n'a le volume {name}, et ce qu'il faut interroger tourne dans un conteneur.",
    'Start the service that uses it, or name that with in = "compose:…".': 'Démarrez le service qui s\'en sert, ou nommez-le par in = "compose:…".',
    "The volume {name} is in several running containers: {containers}.": "Le volume {name} est dans plusieurs conteneurs en marche : {containers}.",
    'Name the one that is to be asked: in = "compose:NAME" or in = "{client}:NAME", instead of volume.': 'Nommez celui qu\'il faut interroger : in = "compose:NOM" ou in = "{client}:NOM", au lieu de volume.',
    "The component {component} cannot tell which pods belong to {address}.": "Le composant {component} ne sait pas quels pods appartiennent à {address}.",
    "Name one pod instead: kubernetes:pod/NAME.": "Nommez plutôt un pod : kubernetes:pod/NOM.",
    "{component} cannot be saved: {reason}": "{component} ne peut pas être sauvegardé : {reason}",
}
