"""How far logs reach, and how the moment of a corruption is found."""

REACHING: dict[str, str] = {
    # stack/objectives/log_ends.py
    "How far the write-ahead log of {component} reaches could not be told: {reason}": "Jusqu'où va le journal de transactions de {component} n'a pas pu être déterminé : {reason}",
    "See 'rebond wal status' and 'rebond verify'.": "Voyez 'rebond wal status' et 'rebond verify'.",
    # stack/objectives/mending.py
    "{component}: {measured} of work could be lost, and {promised} promised: no log came since then.": "{component} : {measured} de travail pourraient être perdus, pour {promised} promis : aucun journal n'est arrivé depuis.",
    "See what holds it up: rebond wal status": "Voyez ce qui le retient : rebond wal status",
    "{component}: {measured} of work could be lost, and {promised} promised: its log breaks off before {gap}.": "{component} : {measured} de travail pourraient être perdus, pour {promised} promis : son journal s'interrompt avant {gap}.",
    "'rebond wal status' says whether its server still has that. Else save it now, so that a new beginning lies behind the hole: rebond backup {component}": "'rebond wal status' dit si son serveur l'a encore. Sinon sauvegardez-le maintenant, pour qu'un nouveau départ se trouve après le trou : rebond backup {component}",
    # cli/snapshots/windows_shown.py
    "{component}, timeline {timeline}: any moment from {since} to {until}.": "{component}, chronologie {timeline} : tout moment du {since} au {until}.",
    "{component}, timeline {timeline}: any moment from {since} to {until}; then {gap} is missing.": "{component}, chronologie {timeline} : tout moment du {since} au {until} ; ensuite, {gap} manque.",
    "{component}, timeline {timeline}: by when the log arrived, any moment from {since} to {until}.": "{component}, chronologie {timeline} : d'après l'heure d'arrivée du journal, tout moment du {since} au {until}.",
    # cli/status/shown.py
    "{component}: its server wrote nothing since then, so nothing would be lost.": "{component} : son serveur n'a rien écrit depuis, donc rien ne serait perdu.",
    # cli/status/page.py
    "Between these moments one can go back to any second:": "Entre ces moments, on peut revenir à n'importe quelle seconde :",
    "Timeline": "Chronologie",
    "From": "De",
    "Until": "À",
    "Breaks off before": "S'interrompt avant",
    "These are the times at which the log arrived: this machine may not read it.": "Ce sont les heures d'arrivée du journal : cette machine n'a pas le droit de le lire.",
    # cli/commands/drill.py
    "How long corrupted-data may look for the moment; else 2h.": "Combien de temps corrupted-data peut chercher le moment ; sinon 2h.",
    # cli/drills/corrupted_data.py
    "No snapshot can be asked: none holds {names} whole and comes back.": "Aucune sauvegarde ne peut être interrogée : aucune ne contient {names} en entier et ne revient.",
    "See 'rebond snapshots' and 'rebond verify'.": "Voyez 'rebond snapshots' et 'rebond verify'.",
    "{moment}: good": "{moment} : bon",
    "{moment}: bad": "{moment} : mauvais",
    "The last good snapshot is {id}, but its log could not be looked into: {reason}": "La dernière bonne sauvegarde est {id}, mais son journal n'a pas pu être examiné : {reason}",
    "Restore that snapshot; 'rebond verify' and 'rebond wal status' say more.": "Restaurez cette sauvegarde ; 'rebond verify' et 'rebond wal status' en disent plus.",
    # cli/drills/page.py
    "How the transaction was found that spoilt {component}": "Comment la transaction qui a abîmé {component} a été trouvée",
    "Moment": "Moment",
    "Transaction": "Transaction",
    "Position": "Position",
    "The search was ended before the last good transaction and the first bad one followed one another.": "La recherche a été arrêtée avant que la dernière bonne transaction et la première mauvaise se suivent.",
    "The last good transaction and the first bad one follow one another.": "La dernière bonne transaction et la première mauvaise se suivent.",
    # cli/drills/shown.py
    "The search of its log was ended after {count} moments, {span}: --patience gives it more.": "La recherche dans son journal a été arrêtée après {count} moments, {span} : --patience lui en donne plus.",
    "Up to transaction {xid} of {moment} all is good; {count} moments of its log were asked, in {span}.": "Jusqu'à la transaction {xid} du {moment}, tout est bon ; {count} moments de son journal ont été interrogés, en {span}.",
    "To bring it back there: rebond restore --at lsn:{lsn} {component} --in-place": "Pour y revenir : rebond restore --at lsn:{lsn} {component} --in-place",
    "Somewhere up to transaction {xid} of {moment}, {component} is spoilt.": "Quelque part jusqu'à la transaction {xid} du {moment}, {component} est abîmé.",
    "Transaction {xid} of {moment} spoils {component}.": "La transaction {xid} du {moment} abîme {component}.",
    # stack/drills/dumps.py
    "{program} read every key of {path}.": "{program} a lu toutes les clés de {path}.",
    "Its dump is back, and its keys were not read: neither redis-check-rdb nor valkey-check-rdb is here.": "Son export est revenu, et ses clés n'ont pas été lues : ni redis-check-rdb ni valkey-check-rdb n'est ici.",
    "Install it: apt-get install redis-tools": "Installez-le : apt-get install redis-tools",
    "The dump {path} is not whole: its last line is missing.": "L'export {path} n'est pas entier : sa dernière ligne manque.",
    "Save it again, and drill that.": "Sauvegardez de nouveau, et faites l'exercice avec cela.",
    "{program} finds {path} damaged: {words}": "{program} trouve {path} endommagé : {words}",
    "Save it again; see what the server says in its log.": "Sauvegardez de nouveau ; voyez ce que dit le journal du serveur.",
    "The dump {path} is whole up to its end, {bytes} bytes.": "L'export {path} est entier jusqu'à sa fin, {bytes} octets.",
    # stack/drills/user_checks.py
    "The query failed: {words}": "La requête a échoué : {words}",
    "Try it in the live database by hand. Of several databases, 'database' beside the sql says which.": "Essayez-la à la main dans la base en service. S'il y a plusieurs bases, 'database' à côté de sql dit laquelle.",
    "The query took longer than {seconds} s and was ended.": "La requête a pris plus de {seconds} s et a été arrêtée.",
    "Give it more time: timeout, beside its sql. Or ask for less.": "Donnez-lui plus de temps : timeout, à côté de son sql. Ou demandez moins.",
    "The command took longer than {seconds} s and was ended.": "La commande a pris plus de {seconds} s et a été arrêtée.",
    "Give it more time: timeout, beside its run.": "Donnez-lui plus de temps : timeout, à côté de son run.",
}
