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
}
