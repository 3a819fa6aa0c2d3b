"""French for the calendar, for what starts the runs, and for pauses."""

SCHEDULE: dict[str, str] = {
    "Where another run holds the stack, wait for its end.": "Si un autre passage tient la pile, attend qu'il finisse.",
    "For timers: run when the class is due, and not in a pause.": "Pour les minuteries : sauvegarde quand la classe est "
    "due, et pas pendant une pause.",
    "For timers: check when it is due, and not in a pause.": "Pour les minuteries : vérifie quand c'est dû, et pas pendant "
    "une pause.",
    "Check the newest snapshot of this class.": "Vérifie la sauvegarde la plus récente de cette classe.",
    "Let nothing run unattended for a while.": "Ne laisse rien tourner tout seul pendant un temps.",
    "End a pause.": "Met fin à une pause.",
    "Start every run when it is due.": "Lance chaque passage quand il est dû.",
    "Let nothing of the stack begin unattended, whoever starts it: 'rebond serve', a timer, cron or a hook. What runs "
    "already goes on. Backups by hand work as ever.": "Ne laisse rien de la pile commencer tout seul, quel que soit ce qui "
    "le lance : « rebond serve », une minuterie, cron ou un crochet. Ce qui tourne déjà continue. Les sauvegardes à la main "
    "marchent comme toujours.",
    "Until this moment, or for so long, such as 2h; else until 'rebond resume'.": "Jusqu'à ce moment, ou pendant ce temps, "
    "par exemple 2h ; sinon jusqu'à « rebond resume ».",
    "Why; shown to whoever asks what runs.": "Pourquoi ; montré à qui demande ce qui tourne.",
    "End the pause. 'rebond serve' makes up for each class that was missed meanwhile by one run; timers and cron go on "
    "with their next time.": "Met fin à la pause. « rebond serve » rattrape chaque classe manquée entre-temps par un seul "
    "passage ; les minuteries et cron reprennent à leur prochaine heure.",
    "The pause could not be written to {path}: {reason}.": "La pause n'a pas pu être écrite dans {path} : {reason}.",
    "Check the room and the rights there, or set REBOND_STATE_DIR.": "Vérifiez la place et les droits à cet endroit, ou "
    "définissez REBOND_STATE_DIR.",
    "A pause needs a reason.": "Une pause demande une raison.",
    "Whoever finds it wants to know: --reason TEXT.": "Qui la trouvera voudra savoir : --reason TEXTE.",
    "Nothing runs unattended any more.": "Plus rien ne tourne tout seul.",
    "Nothing runs unattended until {moment}.": "Plus rien ne tourne tout seul jusqu'au {moment}.",
    "The pause is over.": "La pause est finie.",
    "The runs of this stack are {user}'s, and would not see a pause of yours.": "Les passages de cette pile sont ceux de "
    "{user}, et ne verraient pas votre pause.",
    "Run the same command as {user}: sudo -u {user} rebond …": "Lancez la même commande comme {user} : sudo -u {user} "
    "rebond …",
    "The runs are {user}'s: what ran is shown by sudo -u {user} rebond schedule show": "Les passages sont ceux de {user} : "
    "ce qui a tourné se voit par sudo -u {user} rebond schedule show",
    "{path} cannot be made, and without it nobody knows what was run: {reason}.": "{path} ne peut être créé, et sans lui "
    "personne ne sait ce qui a tourné : {reason}.",
    "Check the rights and the room there, or set REBOND_STATE_DIR.": "Vérifiez les droits et la place à cet endroit, ou "
    "définissez REBOND_STATE_DIR.",
    "Another run holds the stack; waiting for its end.": "Un autre passage tient la pile ; attente de sa fin.",
    "There was no pause.": "Il n'y avait pas de pause.",
    "warning: this pause has no end. Nothing is backed up until somebody says 'rebond resume'.": "attention : cette pause "
    "n'a pas de fin. Rien n'est sauvegardé tant que personne ne dit « rebond resume ».",
    "Show what runs when, and hand it to systemd, cron or Git.": "Montre ce qui tourne quand, et le confie à systemd, cron "
    "ou Git.",
    "Show each class with its rhythm, its last run and its next, whether 'rebond serve' runs, what runs now, and a "
    "pause.": "Montre chaque classe avec son rythme, son dernier passage et le prochain, si « rebond serve » tourne, ce qui "
    "tourne maintenant, et une pause.",
    "List the runs to come, in their order, in the stack's time zone. A run whose time lies in a maintenance window is "
    "listed with its end. What waits for a change or a commit cannot be foreseen.": "Liste les passages à venir, dans leur "
    "ordre, dans le fuseau horaire de la pile. Un passage dont l'heure tombe dans une fenêtre de maintenance est listé à la "
    "fin de celle-ci. Ce qui attend un changement ou un commit ne peut être prévu.",
    "So many; ten unless told.": "Autant ; dix par défaut.",
    "Only of this class.": "Seulement de cette classe.",
    "until {moment}: “{reason}” ({who})": "jusqu'au {moment} : « {reason} » ({who})",
    "without an end: “{reason}” ({who})": "sans fin : « {reason} » ({who})",
    "job": "tâche",
    "when": "quand",
    "last run": "dernier passage",
    "status": "code",
    "next run": "prochain passage",
    "Show what runs when, what ran last, and who starts it.": "Montre ce qui tourne quand, ce qui a tourné, et qui le lance.",
    "List the runs to come.": "Liste les passages à venir.",
    "Hand the calendar to systemd, cron or Git.": "Confie le calendrier à systemd, cron ou Git.",
    "Take back what install handed over.": "Reprend ce qu'install a confié.",
    "Print what install would hand over.": "Écrit ce qu'install confierait.",
    "time zone": "fuseau horaire",
    "serve": "serve",
    "now": "maintenant",
    "pause": "pause",
    "maintenance": "maintenance",
    "by hand": "à la main",
    "Nothing can be foreseen.": "Rien ne peut être prévu.",
    "no end seen": "fin jamais vue",
    "stopped, still due": "arrêté, encore dû",
    "runs, process {pid}": "tourne, processus {pid}",
    "does not run": "ne tourne pas",
    "{what} runs": "{what} tourne",
    "at each change": "à chaque changement",
    "at each commit": "à chaque commit",
    "at each start": "à chaque démarrage",
    "after each backup": "après chaque sauvegarde",
    "Who starts the runs; else what [schedule] by says. 'serve' is a unit of systemd for 'rebond serve'.": "Qui lance les "
    "passages ; sinon ce que dit by sous [schedule]. « serve » est une unité de systemd pour « rebond serve ».",
    "Hand the calendar to systemd or cron, or set the hook of Git: after it, the runs begin by themselves. A second time "
    "it changes only what has to be. What somebody else wrote stays.": "Confie le calendrier à systemd ou cron, ou pose le "
    "crochet de Git : ensuite les passages commencent d'eux-mêmes. La seconde fois ne change que ce qui doit l'être. Ce qu'un "
    "autre a écrit reste.",
    "Take back what install handed over. What was there before comes back, what somebody else wrote stays.": "Reprend ce "
    "qu'install a confié. Ce qui était là avant revient, ce qu'un autre a écrit reste.",
    "Print the files that install would write, or write them to a directory, and change nothing else.": "Écrit les fichiers "
    "qu'install poserait, ou les met dans un dossier, et ne change rien d'autre.",
    "Write the files there.": "Met les fichiers là.",
    "The hook of Git for classes that wait for commits, and nothing else.": "Le crochet de Git pour les classes qui "
    "attendent des commits, et rien d'autre.",
    "Where the files go, for another machine or an image; nothing is enabled then.": "Où vont les fichiers, pour une autre "
    "machine ou une image ; rien n'est alors activé.",
    "Only say what would be done.": "Dit seulement ce qui serait fait.",
    "Nobody said who starts the runs.": "Personne n'a dit qui lance les passages.",
    'Add --to systemd (or cron, cron.d, serve), or write by = "systemd" under [schedule].': "Ajoutez --to systemd (ou cron, "
    'cron.d, serve), ou écrivez by = "systemd" sous [schedule].',
    "put back {path}": "remet    {path}",
    "remove   {path}": "retire   {path}",
    "run      {command}": "lance    {command}",
    "write    {path}": "écrit    {path}",
    "keep     {path}": "garde    {path}",
    "{command} failed with status {status}: {words}": "{command} a échoué avec le code {status} : {words}",
    "Run it by hand to see why.": "Lancez-le à la main pour voir pourquoi.",
    "The table of cron is as it should be.": "La table de cron est comme il faut.",
    "The table of cron is changed.": "La table de cron est changée.",
    "The table of cron would be changed.": "La table de cron serait changée.",
    "The runs will not have these variables of this shell: {names}. Say in the configuration what they say, or write them into a file that 'env' of [stack] names; for units also: systemctl edit NAME": "Les "
    "exécutions n'auront pas ces variables de ce shell : {names}. Dites dans la configuration ce qu'elles disent, ou écrivez-les dans un fichier "
    "que nomme « env » de [stack] ; pour des unités aussi : systemctl edit NOM",
    "Classes that wait for commits need the hook: rebond schedule install --git-hook": "Les classes qui attendent des "
    "commits ont besoin du crochet : rebond schedule install --git-hook",
    "Nothing was done. This would be:": "Rien n'a été fait. Voici ce qui le serait :",
    "Every file is as it should be.": "Chaque fichier est comme il faut.",
    "No systemd that these files are for runs here. Where it does, run:": "Aucun systemd auquel ces fichiers sont destinés ne "
    "tourne ici. Là où il tourne, lancez :",
    "{path} could not be read or written: {reason}.": "{path} n'a pas pu être lu ou écrit : {reason}.",
    "Run it as the user who may write there, such as with sudo, or name another place with --directory.": "Lancez-le comme "
    "un utilisateur qui peut y écrire, par exemple avec sudo, ou nommez un autre endroit avec --directory.",
    "{path} serves other repositories too; the hook keeps to this one.": "{path} sert aussi à d'autres dépôts ; le crochet "
    "s'en tient à celui-ci.",
    "Start every run of the configuration when it is due, until told to stop. What was missed while nothing ran is made "
    "up for by one run of each class. Runs of one stack wait for one another. SIGHUP, or a changed file, reads the "
    "configuration anew; SIGTERM waits a little for what runs, then interrupts it, and it begins again with the next "
    "start. Writes its log to standard error.": "Lance chaque passage de la configuration quand il est dû, jusqu'à ce "
    "qu'on lui dise d'arrêter. Ce qui a été manqué pendant que rien ne tournait est rattrapé par un passage de chaque "
    "classe. Les passages d'une même pile s'attendent. SIGHUP, ou un fichier changé, relit la configuration ; SIGTERM attend "
    "un peu ce qui tourne, puis l'interrompt, et cela recommence au prochain démarrage. Écrit son journal sur la sortie "
    "d'erreur.",
    "Another process serves the stack {stack} already: {pid}.": "Un autre processus sert déjà la pile {stack} : {pid}.",
    "'rebond schedule show' says what it does. Stop it first, or leave it.": "« rebond schedule show » dit ce qu'il fait. "
    "Arrêtez-le d'abord, ou laissez-le.",
    "The configuration {path} cannot be used: {reason}": "La configuration {path} ne peut pas servir : {reason}",
    "'rebond config check' lists all of it.": "« rebond config check » donne le tout.",
    "{listen} cannot be listened at: {reason}.": "{listen} ne peut être écouté : {reason}.",
    "Choose another address under [serve] listen, or stop what listens there.": "Choisissez une autre adresse pour listen "
    "sous [serve], ou arrêtez ce qui y écoute.",
    "[serve] listen is '{listen}', which is no address of this machine alone.": "listen sous [serve] est « {listen} », qui "
    "n'est pas une adresse de cette seule machine.",
    "Write 127.0.0.1:PORT; let a proxy answer to others.": "Écrivez 127.0.0.1:PORT ; qu'un mandataire réponde aux autres.",
    "{text} is over.": "{text} est passé.",
    "Name a moment that is still to come.": "Nommez un moment à venir.",
    "CronJobs of Kubernetes are not written yet.": "Les CronJobs de Kubernetes ne sont pas encore écrits.",
    "Run 'rebond serve' in a Deployment with one replica, or use systemd or cron.": "Lancez « rebond serve » dans un "
    "Deployment à un exemplaire, ou utilisez systemd ou cron.",
    "The lines of {stack} in the table of cron were changed by hand, so they stay as they are.": "Les lignes de {stack} dans "
    "la table de cron ont été changées à la main ; elles restent donc comme elles sont.",
    "Move them out from between the marks with 'crontab -e', then run the same command again.": "Sortez-les d'entre les "
    "marques avec « crontab -e », puis relancez la même commande.",
    "cron has no words for the schedule '{cron}'.": "cron n'a pas de mots pour l'horaire « {cron} ».",
    "Use systemd, 'rebond serve' or another schedule.": "Utilisez systemd, « rebond serve » ou un autre horaire.",
    "systemd has no words for the schedule '{cron}'.": "systemd n'a pas de mots pour l'horaire « {cron} ».",
    "Use 'rebond serve' or another schedule.": "Utilisez « rebond serve » ou un autre horaire.",
    "{path} was not written by Rebond, so it stays as it is.": "{path} n'a pas été écrit par Rebond ; il reste donc comme il "
    "est.",
    "Move it away, then run the same command again.": "Déplacez-le, puis relancez la même commande.",
    "{path} was changed by hand after Rebond wrote it, so it stays as it is.": "{path} a été changé à la main après que "
    "Rebond l'a écrit ; il reste donc comme il est.",
    "Keep your lines elsewhere (systemd: a drop-in), move the file away, then run the same command again.": "Gardez vos "
    "lignes ailleurs (systemd : un « drop-in »), déplacez le fichier, puis relancez la même commande.",
    "No class of the configuration waits for commits.": "Aucune classe de la configuration n'attend de commits.",
    'Add trigger = "commit" to a class, such as code.': 'Ajoutez trigger = "commit" à une classe, par exemple code.',
    "Nothing that the classes {classes} save lies in a repository of Git.": "Rien de ce que sauvegardent les classes "
    "{classes} n'est dans un dépôt de Git.",
    "Run 'git init' there, or save it by a schedule.": "Lancez « git init » là-bas, ou sauvegardez-le par un horaire.",
    "Another run holds the stack {stack}: {what}, process {pid}, since {since}.": "Un autre passage tient la pile {stack} : "
    "{what}, processus {pid}, depuis le {since}.",
    "Wait until it has ended, or add --wait.": "Attendez qu'il finisse, ou ajoutez --wait.",
    "{path} cannot be written ({reason}): other runs are not kept out.": "{path} ne peut être écrit ({reason}) : d'autres "
    "passages ne sont pas tenus à l'écart.",
    "--scheduled goes with a class that runs unattended, and '{name}' does not.": "--scheduled va avec une classe qui tourne "
    "toute seule, et « {name} » ne le fait pas.",
    "--scheduled is the turn of one class, and none is named.": "--scheduled est le tour d'une classe, et aucune n'est nommée.",
    "Name the class: --class NAME. These run unattended: {known}.": "Nommez la classe : --class NOM. Celles-ci tournent toutes seules : {known}.",
    "No class does this unattended: say when in the configuration, then name it by --class NAME.": "Aucune classe ne le fait toute seule : dites quand dans la configuration, puis nommez-la par --class NOM.",
    "--scheduled is the turn of {job}, and {address} is not its vault.": "--scheduled est le tour de {job}, et {address} n'est pas son coffre.",
    "Leave --vault out, and REBOND_VAULT. Or leave --scheduled out: then the turn is not taken.": "Retirez --vault, et REBOND_VAULT. Ou retirez --scheduled : le tour n'est alors pas pris.",
    "--scheduled is the turn of a whole class, and {option} saves something else.": "--scheduled est le tour d'une classe entière, et {option} sauvegarde autre chose.",
    "Leave --scheduled out: then the turn is not taken.": "Retirez --scheduled : le tour n'est alors pas pris.",
    "Leave --scheduled out, or give class.{name} a schedule.": "Retirez --scheduled, ou donnez un horaire à class.{name}.",
    "The state of {job} cannot be written: {reason}.": "L'état de {job} ne peut être écrit : {reason}.",
    "Unattended runs are paused {pause}.": "Les passages automatiques sont en pause {pause}.",
    "Unattended runs are paused; 'rebond resume' ends that.": "Les passages automatiques sont en pause ; « rebond resume » y "
    "met fin.",
    "{job} is not due.": "{job} n'est pas dû.",
    "{job} is not due. To run it all the same: {command}": "{job} n'est pas dû. Pour le lancer quand même : {command}",
    "{job} was made good by another run meanwhile.": "{job} a été mené à bien par une autre exécution entre-temps.",
    "{job} still lacks what did not answer: {reason}": "Il manque encore à {job} ce qui n'a pas répondu : {reason}",
    "{job} lacks what did not answer, and is tried again at {moment}.": "Il manque à {job} ce qui n'a pas répondu ; il "
    "sera retenté à {moment}.",
    "{job} failed for a reason that may pass, and is tried again at {moment}: {reason}": "{job} a échoué pour une raison "
    "qui peut passer, et sera retenté à {moment} : {reason}",
    "{job} runs, and another run of it waits already.": "{job} tourne, et un autre passage attend déjà.",
    "{job} was cut off after its snapshot stood; nothing is to be done again.": "{job} a été coupé après que sa sauvegarde "
    "était faite ; rien n'est à refaire.",
}
