"""How far logs reach, and how the moment of a corruption is found."""

REACHING: dict[str, str] = {
    # stack/objectives/log_ends.py
    "How far the write-ahead log of {component} reaches could not be told: {reason}": "Jusqu'où va le journal de transactions de {component} n'a pas pu être déterminé : {reason}",
    "See 'rebond wal status' and 'rebond verify'.": "Voyez 'rebond wal status' et 'rebond verify'.",
    # stack/objectives/mending.py
    "{component}: {measured} of work could be lost, and {promised} promised: no log came since then.": "{component} : {measured} de travail pourraient être perdus, pour {promised} promis : aucun journal n'est arrivé depuis.",
    "See what holds it up: rebond wal status": "Voyez ce qui le retient : rebond wal status",
    "{component}: {measured} of work could be lost, and {promised} promised: its log breaks off before {gap}.": "{component} : {measured} de travail pourraient être perdus, pour {promised} promis : son journal s'interrompt avant {gap}.",
    "Save it now, so that a new beginning lies behind the hole: rebond backup {component}; then see 'rebond wal status'.": "Sauvegardez-le maintenant, pour qu'un nouveau départ se trouve après le trou : rebond backup {component} ; puis voyez 'rebond wal status'.",
    # cli/windows_shown.py
    "{component}, timeline {timeline}: any moment from {since} to {until}.": "{component}, chronologie {timeline} : tout moment du {since} au {until}.",
    "{component}, timeline {timeline}: any moment from {since} to {until}; then {gap} is missing.": "{component}, chronologie {timeline} : tout moment du {since} au {until} ; ensuite, {gap} manque.",
    "{component}, timeline {timeline}: by when the log arrived, any moment from {since} to {until}.": "{component}, chronologie {timeline} : d'après l'heure d'arrivée du journal, tout moment du {since} au {until}.",
    # cli/status_shown.py
    "{component}: its server wrote nothing since then, so nothing would be lost.": "{component} : son serveur n'a rien écrit depuis, donc rien ne serait perdu.",
    # cli/status_page.py
    "Between these moments one can go back to any second:": "Entre ces moments, on peut revenir à n'importe quelle seconde :",
    "Timeline": "Chronologie",
    "From": "De",
    "Until": "À",
    "Breaks off before": "S'interrompt avant",
    "These are the times at which the log arrived: this machine may not read it.": "Ce sont les heures d'arrivée du journal : cette machine n'a pas le droit de le lire.",
    # cli/commands/drill.py
    "How long corrupted-data may look for the moment; else 2h.": "Combien de temps corrupted-data peut chercher le moment ; sinon 2h.",
    # cli/drill_corrupted_data.py
    "No snapshot can be asked: none holds {names} whole and comes back.": "Aucune sauvegarde ne peut être interrogée : aucune ne contient {names} en entier et ne revient.",
    "See 'rebond snapshots' and 'rebond verify'.": "Voyez 'rebond snapshots' et 'rebond verify'.",
    "{moment}: good": "{moment} : bon",
    "{moment}: bad": "{moment} : mauvais",
    "The last good snapshot is {id}, but its log could not be looked into: {reason}": "La dernière bonne sauvegarde est {id}, mais son journal n'a pas pu être examiné : {reason}",
    "Restore that snapshot; 'rebond verify' and 'rebond wal status' say more.": "Restaurez cette sauvegarde ; 'rebond verify' et 'rebond wal status' en disent plus.",
    # cli/drill_page.py
    "How the transaction was found that spoilt {component}": "Comment la transaction qui a abîmé {component} a été trouvée",
    "Moment": "Moment",
    "Transaction": "Transaction",
    "Position": "Position",
    "The search was ended before the last good transaction and the first bad one followed one another.": "La recherche a été arrêtée avant que la dernière bonne transaction et la première mauvaise se suivent.",
    "The last good transaction and the first bad one follow one another.": "La dernière bonne transaction et la première mauvaise se suivent.",
    # cli/drill_shown.py
    "The search of its log was ended after {count} moments, {span}: --patience gives it more.": "La recherche dans son journal a été arrêtée après {count} moments, {span} : --patience lui en donne plus.",
    "Up to transaction {xid} of {moment} all is good; {count} moments of its log were asked, in {span}.": "Jusqu'à la transaction {xid} du {moment}, tout est bon ; {count} moments de son journal ont été interrogés, en {span}.",
    "To bring it back there: rebond restore --at lsn:{lsn} {component} --in-place": "Pour y revenir : rebond restore --at lsn:{lsn} {component} --in-place",
    "Somewhere up to transaction {xid} of {moment}, {component} is spoilt.": "Quelque part jusqu'à la transaction {xid} du {moment}, {component} est abîmé.",
    "Transaction {xid} of {moment} spoils {component}.": "La transaction {xid} du {moment} abîme {component}.",
}
