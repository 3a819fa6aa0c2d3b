"""French for what the runbook says of the write-ahead log and of moments."""

RUNBOOK_LOG: dict[str, str] = {
    "`rebond snapshots` ends with what can be reached now, and `rebond wal status` says what is missing.": "`rebond snapshots` finit par ce qui peut être atteint maintenant, et `rebond wal status` dit ce qui manque.",
    "What came back is a data directory: start it beside, on another port, look at it, and only then let it take over (5.5). It archives nothing until you set `archive_mode`; then make a backup at once: no moment after its start can be reached before there is a new base.": "Ce qui est revenu est un répertoire de données : démarrez-le à côté, sur un autre port, regardez-le, et alors seulement laissez-le prendre le relais (5.5). Il n'archive rien tant que vous ne réglez pas `archive_mode` ; faites alors aussitôt une sauvegarde : avant cette nouvelle base, aucun moment postérieur à son démarrage n'est atteignable.",
    "Up to the last transaction that {name} has in the vault:": "Jusqu'à la dernière transaction que {name} a dans le coffre :",
    "What came back archives nothing yet. When it is the server that stays: let it archive, tell the vault that it is the one, restart it, and save it.": "Ce qui est revenu n'archive encore rien. Si c'est le serveur qui reste : laissez-le archiver, dites au coffre que c'est lui, redémarrez-le et sauvegardez-le.",
    "Restart it as its machine does that; then save it: {command}": "Redémarrez-le comme sa machine le fait ; puis sauvegardez-le : {command}",
    "What could be reached when this page was made:": "Ce qui pouvait être atteint quand cette page a été faite :",
    "nothing of the log of {names} can be replayed, so only snapshots come back: {command} says why": "rien du journal de {names} ne peut être rejoué, seules des sauvegardes reviennent : {command} dit pourquoi",
    "not before": "pas avant",
    "not after": "pas après",
    "Up to a second; write the one from before the damage in its place:": "Jusqu'à une seconde ; écrivez à sa place celle d'avant le dommage :",
    "When it is the server that stays: {command} once, then save it, so that a new base begins.": "Si c'est le serveur qui reste : {command} une fois, puis sauvegardez-le, pour qu'une nouvelle base commence.",
    "It ends with 3 for a warning, and with 34 where something is missing in the middle.": "Finit avec 3 pour un avertissement, et avec 34 là où il manque quelque chose au milieu.",
    "The lines of `postgresql.conf` that this takes, and the one with which a server that recovers gets its log back:": "Les lignes de `postgresql.conf` qu'il y faut, et celle par laquelle un serveur qui se rétablit reprend son journal :",
    "PostgreSQL hands each file over by `rebond-wal`, which `rebond serve` answers; alone it is {command}.": "PostgreSQL remet chaque fichier par `rebond-wal`, auquel `rebond serve` répond ; seul, c'est {command}.",
    "The log is received over a connection of its own by `rebond serve`; alone it is {command}.": "`rebond serve` reçoit le journal par une connexion à lui ; seul, c'est {command}.",
}
