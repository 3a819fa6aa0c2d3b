"""French: volumes of every kind, secrets beside other runs, what is kept by itself, who starts the runs."""

CLOSING: dict[str, str] = {
    # how often it is looked
    "'{key}' needs the trigger \"change\".": "« {key} » demande le déclencheur « change ».",
    'Add trigger = "change", or take {word} out.': "Ajoutez trigger = \"change\", ou enlevez {word}.",
    "'{key}' is less than {count} seconds, and each look is a run.": "« {key} » est de moins de {count} secondes, et chaque regard est une exécution.",
    'Write look = "{count}s" or more. Files of this machine are looked at every second anyway.': "Écrivez look = \"{count}s\" ou plus. Les fichiers de cette machine sont regardés chaque seconde de toute façon.",
    # forgetting by itself
    "Another vault of the configuration, by the name that keep uses.": "Un autre coffre de la configuration, par le nom qu'emploie keep.",
    "For timers: run when it is due, and not in a pause.": "Pour les minuteries : s'exécuter quand c'est dû, et pas pendant une pause.",
    "There is no vault '{name}' in the configuration.": "Il n'y a pas de coffre « {name} » dans la configuration.",
    "The key of this machine may only add: whoever holds the owner's or a keeper's forgets.": "La clé de cette machine ne peut qu'ajouter : c'est à qui détient celle du propriétaire ou d'un gardien d'oublier.",
    # volumes
    "No running container has the volume {name}, and what is to be asked runs in one.": "Aucun conteneur en marche n'a le volume {name}, et ce qu'il faut interroger tourne dans un conteneur.",
    'Start the service that uses it, or name that with in = "compose:…".': "Démarrez le service qui s'en sert, ou nommez-le par in = \"compose:…\".",
    "The volume {name} is in several running containers: {containers}.": "Le volume {name} est dans plusieurs conteneurs en marche : {containers}.",
    'Name the one that is to be asked: in = "compose:NAME" or in = "{client}:NAME", instead of volume.': "Nommez celui qu'il faut interroger : in = \"compose:NOM\" ou in = \"{client}:NOM\", au lieu de volume.",
    "The component {component} cannot tell which pods belong to {address}.": "Le composant {component} ne sait pas quels pods appartiennent à {address}.",
    "Name one pod instead: kubernetes:pod/NAME.": "Nommez plutôt un pod : kubernetes:pod/NOM.",
    "{component} cannot be saved: {reason}": "{component} ne peut pas être sauvegardé : {reason}",
}
