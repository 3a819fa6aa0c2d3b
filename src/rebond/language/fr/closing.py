"""French: volumes of every kind, secrets beside other runs, what is kept by itself, who starts the runs."""

CLOSING: dict[str, str] = {
    # how often it is looked
    "'{key}' needs the trigger \"change\".": "« {key} » demande le déclencheur « change ».",
    'Add trigger = "change", or take {word} out.': "Ajoutez trigger = \"change\", ou enlevez {word}.",
    "'{key}' is less than {count} seconds, and each look is a run.": "« {key} » est de moins de {count} secondes, et chaque regard est une exécution.",
    'Write look = "{count}s" or more. Files of this machine are looked at every second anyway.': "Écrivez look = \"{count}s\" ou plus. Les fichiers de cette machine sont regardés chaque seconde de toute façon.",
    # volumes
    "No running container has the volume {name}, and what is to be asked runs in one.": "Aucun conteneur en marche n'a le volume {name}, et ce qu'il faut interroger tourne dans un conteneur.",
    'Start the service that uses it, or name that with in = "compose:…".': "Démarrez le service qui s'en sert, ou nommez-le par in = \"compose:…\".",
    "The volume {name} is in several running containers: {containers}.": "Le volume {name} est dans plusieurs conteneurs en marche : {containers}.",
    'Name the one that is to be asked: in = "compose:NAME" or in = "{client}:NAME", instead of volume.': "Nommez celui qu'il faut interroger : in = \"compose:NOM\" ou in = \"{client}:NOM\", au lieu de volume.",
    "The component {component} cannot tell which pods belong to {address}.": "Le composant {component} ne sait pas quels pods appartiennent à {address}.",
    "Name one pod instead: kubernetes:pod/NAME.": "Nommez plutôt un pod : kubernetes:pod/NOM.",
    "{component} cannot be saved: {reason}": "{component} ne peut pas être sauvegardé : {reason}",
}
