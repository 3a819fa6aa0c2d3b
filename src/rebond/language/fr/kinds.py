"""French for the kinds besides files: secrets, servers, images, Git, and what lies in containers and volumes."""

KINDS: dict[str, str] = {
    # documents and archives
    "'{path}' cannot be saved under that name.": "« {path} » ne peut être sauvegardé sous ce nom.",
    "Give it another name, without '.', '..' and empty parts.": "Donnez-lui un autre nom, sans « . », « .. » ni partie vide.",
    # what is wrong with a tar archive: the end of a sentence
    "it ends before its end": "la fin y manque",
    "something follows its end": "quelque chose suit sa fin",
    "a header is damaged": "un en-tête est abîmé",
    "it is no tar archive": "ce n'est pas du tar",
    "a name leads out of it": "un nom mène hors de l'archive",
    "the status of tar is missing": "le code de sortie de tar manque",
    "The archive that {program} wrote is not whole: {reason}.": "L'archive écrite par {program} n'est pas entière : {reason}.",
    "The archive that {program} wrote is not whole: {name} is not in it.": "L'archive écrite par {program} n'est pas entière : {name} n'y est pas.",
    "Run the backup again. If that happens each time, see whether something between changes or cuts it.": "Relancez la "
    "sauvegarde. Si cela arrive chaque fois, voyez si quelque chose entre les deux la modifie ou la coupe.",
    "The files of a container cannot be kept in {folder} on their way: {reason}.": "Les fichiers d'un conteneur ne peuvent "
    "être gardés dans {folder} en chemin : {reason}.",
    "Set TMPDIR to a directory with room for all of them.": "Réglez TMPDIR sur un répertoire assez grand pour tous.",
    "tar cannot be run for {place}: {words}": "tar ne peut être lancé pour {place} : {words}",
    "Check that the image holds it.": "Vérifiez que l'image le contient.",
    "There is nothing to save at {place}: {words}": "Il n'y a rien à sauvegarder à {place} : {words}",
    "Check the path as it is inside, and that what belongs there is mounted.": "Vérifiez le chemin tel qu'il est à "
    "l'intérieur, et que ce qui doit s'y trouver est monté.",
    "tar did not read all of {place} as it is: {words}": "tar n'a pas lu tout {place} tel quel : {words}",
    "tar saved all of {place} that it can, and said: {words}": "tar a sauvegardé tout ce qu'il peut de {place}, et a dit : "
    "{words}",
    "{program} wrote nothing for {seconds} s and was ended, so what it wrote before is not saved.": "{program} n'a rien écrit "
    "pendant {seconds} s et a été arrêté : ce qu'il avait écrit n'est pas sauvegardé.",
    "Let the command run as a user who may read it, and when nothing changes there.": "Faites lancer la commande par un "
    "utilisateur qui peut le lire, à un moment où rien n'y change.",
    "{place} holds more than {count} bytes, which is too much for secrets.": "{place} contient plus de {count} octets, "
    "ce qui est trop pour des secrets.",
    "Name the files themselves, or save it as a component of the kind files.": "Nommez les fichiers eux-mêmes, ou "
    "sauvegardez-le comme composant de type files.",
    "Check that what belongs there is mounted; allow_empty = true saves it all the same.": "Vérifiez que ce qui doit s'y "
    "trouver est monté ; allow_empty = true le sauvegarde tout de même.",
    "{path} is of a kind that tar alone knows, and is not in this snapshot.": "{path} est d'un type que seul tar connaît, "
    "et n'est pas dans cette sauvegarde.",
    "The archive of a container names {path} a second name of something that is not in it.": "L'archive d'un conteneur dit "
    "que {path} est un second nom de quelque chose qui n'y est pas.",
    "{program} answered with more than {count} bytes.": "{program} a répondu par plus de {count} octets.",
    "Ask it for less.": "Demandez-lui moins.",
    "What is to be handed to a program is longer than {count} bytes.": "Ce qui doit être remis à un programme dépasse "
    "{count} octets.",
    "Shorten it.": "Raccourcissez-le.",
    # secrets
    "{path} is no file, and is not among the secrets.": "{path} n'est pas un fichier, et n'est pas parmi les secrets.",
    "{path} is a link to a directory: it is not entered, and what lies there is not among the secrets.": "{path} est un lien "
    "vers un répertoire : on n'y entre pas, et ce qui s'y trouve n'est pas parmi les secrets.",
    "Name the directory itself among the paths.": "Nommez le répertoire lui-même parmi les chemins.",
    "{path} is a link to something that is not there or may not be read, and is not among the secrets.": "{path} est un lien vers "
    "quelque chose qui n'est pas là ou ne peut être lu, et n'est pas parmi les secrets.",
    "Mend the link, or take it out of the paths of the component.": "Réparez le lien, ou retirez-le des chemins du composant.",
    "Take it out of the paths of the component.": "Retirez-le des chemins du composant.",
    "{path} changed each time that it was read; what is saved may be half of one and half of another.": "{path} a changé "
    "à chaque lecture ; ce qui est sauvegardé peut être moitié l'un, moitié l'autre.",
    "{path} and what comes before it are more than {count} bytes, which is too much for secrets.": "{path} et ce qui le "
    "précède dépassent {count} octets, ce qui est trop pour des secrets.",
    "The component {component} holds nothing: {paths} is empty.": "Le composant {component} ne contient rien : {paths} est "
    "vide.",
    "Bring its content back ('rebond find NAME' lists what was saved), then run the backup again.": "Remettez son "
    "contenu (« rebond find NOM » liste ce qui a été sauvegardé), puis relancez la sauvegarde.",
    "{path} is among the secrets and is empty.": "{path} est parmi les secrets et est vide.",
    "If something belongs in it, bring it back; its earlier versions are kept.": "S'il doit contenir quelque chose, "
    "remettez-le ; ses versions antérieures sont gardées.",
    "The component {component} has no secret at {paths}.": "Le composant {component} n'a pas de secret à {paths}.",
    "Bring it back, or take it out of 'paths'; a path with * may fit nothing, as long as another fits.": "Remettez-le, ou "
    "retirez-le de « paths » ; un chemin avec * peut ne rien désigner, tant qu'un autre désigne quelque chose.",
    "The answer of kubectl was cut, or is no list of Secrets.": "La réponse de kubectl a été coupée, ou n'est pas une liste "
    "de Secrets.",
    "Run the backup again. If that happens each time, try: kubectl get secrets --output json": "Relancez la sauvegarde. Si "
    "cela arrive chaque fois, essayez : kubectl get secrets --output json",
    "The cluster has no Secret that fits {names}.": "Le cluster n'a aucun Secret qui correspond à {names}.",
    "Check context, namespace, names and selector, and what this account may list.": "Vérifiez context, namespace, names et "
    "selector, et ce que ce compte peut lister.",
    "HashiCorp Vault has no content at {path} of {mount}, and it is not in this snapshot.": "HashiCorp Vault n'a aucun "
    "contenu à {path} de {mount}, qui n'est pas dans cette sauvegarde.",
    "If it was deleted there, take it out of 'paths'.": "S'il y a été supprimé, retirez-le de « paths ».",
    "{path} of {mount} is listed by HashiCorp Vault and has no content: it is not in this snapshot.": "{path} de {mount} "
    "est dans la liste de HashiCorp Vault et n'a aucun contenu : il n'est pas dans cette sauvegarde.",
    "Mostly its newest version was deleted there. Earlier snapshots keep what they have of it.": "Le plus souvent, sa "
    "dernière version y a été supprimée. Les sauvegardes précédentes gardent ce qu'elles en ont.",
    "HashiCorp Vault at {address} has no secret in {mount} that fits {paths}.": "HashiCorp Vault à {address} n'a dans "
    "{mount} aucun secret qui correspond à {paths}.",
    "Check mount and paths, and what the token may list and read.": "Vérifiez mount et paths, et ce que le jeton peut lister "
    "et lire.",
    "HashiCorp Vault has more than {count} secrets below {path}.": "HashiCorp Vault a plus de {count} secrets sous {path}.",
    "The certificates in {path}, which VAULT_CACERT names, cannot be read: {reason}.": "Les certificats de {path}, que nomme "
    "VAULT_CACERT, ne peuvent être lus : {reason}.",
    "Name fewer paths.": "Nommez moins de chemins.",
    "The token may not read {what} of HashiCorp Vault at {address}.": "Le jeton ne peut lire {what} de HashiCorp Vault à "
    "{address}.",
    "Give its policy 'read' and 'list' there, or renew the token.": "Donnez-y « read » et « list » à sa politique, ou "
    "renouvelez le jeton.",
    "Nothing changed since the snapshot {id} of {time}: there is no new one.": "Rien n'a changé depuis la sauvegarde {id} du "
    "{time} : il n'y en a pas de nouvelle.",
    "The snapshot stands, but {path} could not be written: {reason}. The next run makes another.": "La sauvegarde tient, mais "
    "{path} n'a pu être écrit : {reason}. La prochaine exécution en fera une autre.",
    "Mend that, then run the backup again.": "Réparez cela, puis relancez la sauvegarde.",
    "{component} belongs into the vault {vault}, which could not be written: {reason}": "{component} appartient au coffre "
    "{vault}, qui n'a pu être écrit : {reason}",
    "The secrets of {names} lie in a domain that {count} members write to, who can try out what they are.": "Les secrets de "
    "{names} sont dans un domaine où {count} membres écrivent, qui peuvent essayer de deviner leur contenu.",
    'Give them a vault of their own: vault = "…".': "Donnez-leur un coffre à eux : vault = « … ».",
    # servers
    "What opens the database holds the end of a line.": "Ce qui ouvre la base contient une fin de ligne.",
    "Check 'password' and 'user'.": "Vérifiez « password » et « user ».",
    "'{name}' is no name of a database.": "« {name} » n'est pas le nom d'une base.",
    "Check 'database'.": "Vérifiez « database ».",
    "The dump of Redis is not whole: {reason}.": "L'export de Redis n'est pas entier : {reason}.",
    "Run the backup again; see what the server says in its log.": "Relancez la sauvegarde ; voyez ce que dit le journal du "
    "serveur.",
    "The address of a server has to begin with {scheme}://, and may hold no password.": "L'adresse d'un serveur doit "
    "commencer par {scheme}:// et ne peut contenir de mot de passe.",
    "Write {scheme}://USER@HOST:PORT, and the password under 'password'.": "Écrivez {scheme}://UTILISATEUR@HÔTE:PORT, et le "
    "mot de passe sous « password ».",
    # what a dump of MySQL lacks
    "The user of {component} may not read every table of {names}: what it does not see is not in the dump.": "L'utilisateur de "
    "{component} ne peut lire toutes les tables de {names} : ce qu'il ne voit pas n'est pas dans l'export.",
    "Grant it SELECT, SHOW VIEW, TRIGGER and EVENT there (* means all databases).": "Donnez-lui SELECT, SHOW VIEW, TRIGGER et "
    "EVENT là (* veut dire toutes les bases).",
    "The user of {component} may not see the triggers of {names}: if there are any, the dump lacks them.": "L'utilisateur de "
    "{component} ne peut voir les déclencheurs de {names} : s'il y en a, ils manquent à l'export.",
    "Grant it TRIGGER there (* means all databases).": "Donnez-lui TRIGGER là (* veut dire toutes les bases).",
    "The user of {component} may not see the routines of {names}: if there are any, the dump lacks them.": "L'utilisateur de "
    "{component} ne peut voir les routines de {names} : s'il y en a, elles manquent à l'export.",
    "Grant it SELECT on mysql.proc (MariaDB) or SHOW_ROUTINE on *.* (MySQL).": "Donnez-lui SELECT sur mysql.proc (MariaDB) ou "
    "SHOW_ROUTINE sur *.* (MySQL).",
    "The history of {names} is not in the dump, only the rows that are valid now.": "L'historique de {names} n'est pas dans "
    "l'export, seulement les lignes valables à présent.",
    "Use mariadb-dump of 10.11 or newer. It takes none while one table has a history by transactions.": "Utilisez "
    "mariadb-dump 10.11 ou plus récent. Il n'en prend aucun tant qu'une table a un historique par transactions.",
    "A my.cnf leaves something out of the dump of {component}: {names}.": "Un my.cnf écarte quelque chose de l'export de "
    "{component} : {names}.",
    "Take that out of [mysqldump] or [mariadb-dump] there.": "Ôtez cela de [mysqldump] ou [mariadb-dump] là-bas.",
    "These tables know no transactions, so each is of a moment of its own in the dump: {names}.": "Ces tables ne connaissent "
    "pas les transactions, chacune est donc d'un moment à elle dans l'export : {names}.",
    "ALTER TABLE … ENGINE=InnoDB makes them of one moment with the others.": "ALTER TABLE … ENGINE=InnoDB les met au même "
    "moment que les autres.",
    "The dump has six digits of columns of the type FLOAT, which may hold seven or more: {names}.": "L'export a six chiffres "
    "des colonnes de type FLOAT, qui peuvent en contenir sept ou plus : {names}.",
    "ALTER TABLE … MODIFY … DOUBLE keeps all that they hold, and a dump has all of it.": "ALTER TABLE … MODIFY … DOUBLE garde "
    "tout ce qu'elles contiennent, et un export a tout cela.",
    "Letters that Unicode knows otherwise, or not at all, come back as others in {names}: their sets are old.": "Les lettres "
    "qu'Unicode connaît autrement, ou pas du tout, reviennent autres dans {names} : leurs jeux sont anciens.",
    "ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 shows what it would be.": "ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 "
    "montre ce que ce serait.",
    "The dump of {component} is made, but what it lacks, if anything, could not be asked: {reason}": "L'export de {component} "
    "est fait, mais ce qui y manque, s'il y manque quelque chose, n'a pu être demandé : {reason}",
    "The user of {component} had rights taken back on {names}: whether it sees all there is not known.": "Des droits sur "
    "{names} ont été retirés à l'utilisateur de {component} : on ne sait s'il y voit tout.",
    "See SHOW GRANTS; grant it there what was revoked, or use another user.": "Voyez SHOW GRANTS ; accordez-lui là ce qui a "
    "été retiré, ou prenez un autre utilisateur.",
    "A container runs {name}, which the engine has no more.": "Un conteneur tourne avec {name}, que le moteur n'a plus.",
    "Start it anew; what it runs now can be saved by no engine.": "Démarrez-le à neuf ; ce qu'il exécute maintenant ne peut "
    "être sauvegardé par aucun moteur.",
    "No such container: {name}.": "Il n'y a pas de conteneur {name}.",
    "Start it anew, or name another; '{client} ps --all' lists them.": "Démarrez-le à neuf, ou nommez-en un autre ; "
    "« {client} ps --all » les liste.",
    "mariadb or mysql has to be where mariadb-dump is: both come in one package.": "mariadb ou mysql doit être là où est "
    "mariadb-dump : les deux viennent dans un paquet.",
    # images, volumes, Git
    "The component {component} finds no image.": "Le composant {component} ne trouve aucune image.",
    "Name the compose files or the Kubernetes namespace under [stack], and see that something runs.": "Nommez les fichiers "
    "compose ou l'espace de noms Kubernetes sous [stack], et voyez que quelque chose tourne.",
    "The answer of {program} was cut, or is another than expected.": "La réponse de {program} a été coupée, ou n'est pas celle "
    "attendue.",
    "Run the backup again; if that happens each time, see which version of {program} this is.": "Relancez la sauvegarde ; si "
    "cela arrive chaque fois, voyez de quelle version de {program} il s'agit.",
    "The image {name} is in the compose files, and not on this machine.": "L'image {name} est dans les fichiers compose, et "
    "pas sur cette machine.",
    "The image {name} of Kubernetes is in no registry that is known, and cannot be saved from there.": "L'image "
    "{name} tourne dans Kubernetes, aucun registre n'est connu pour l'avoir, et elle ne peut être sauvegardée de là.",
    "Push it to a registry, and let the cluster pull it from there.": "Poussez-la dans un registre, et laissez le cluster l'y "
    "tirer.",
    "Pull or build it: docker compose pull, or docker compose build.": "Tirez-la ou construisez-la : docker compose pull, ou "
    "docker compose build.",
    "Neither docker nor podman is installed here.": "Ni docker ni podman n'est installé ici.",
    "Install one, or put it on the PATH of this run.": "Installez-en un, ou mettez-le dans le PATH de cette exécution.",
    "There is no volume {name} here.": "Il n'y a pas de volume {name} ici.",
    "See '{client} volume ls'; name it as the compose files do, or as the engine does. Is it gone, '{client} compose create' makes those of the compose files anew, empty; then 'rebond restore latest COMPONENT --in-place' fills it.": "Voyez « {client} volume ls » ; nommez-le comme les fichiers compose, ou comme le moteur. S'il a disparu, « {client} compose create » recrée, vides, ceux des fichiers compose ; puis « rebond restore latest COMPOSANT --in-place » le remplit.",
    "The volume {name} could be {volumes}.": "Le volume {name} peut être {volumes}.",
    "Write the one that is meant as volume = \"…\", or set COMPOSE_PROJECT_NAME in a file of 'env'.": "Écrivez celui qui est "
    "voulu dans volume = « … », ou réglez COMPOSE_PROJECT_NAME dans un fichier de « env ».",
    "The project {project} has no volume {name}: {volumes} belongs to another.": "Le projet {project} n'a pas de volume {name} : "
    "{volumes} est à un autre.",
    "The files of the volume {name} may not be read at {path}, and no running container has it.": "Les fichiers du volume "
    "{name} ne peuvent être lus à {path}, et aucun conteneur qui tourne ne l'a.",
    'Run the backup as root, or start the service that uses it, or name that with in = "compose:…".': "Lancez la sauvegarde "
    "en tant que root, ou démarrez le service qui l'utilise, ou nommez celui-ci avec in = « compose:… ».",
    "{client} counts as another machine ({host}), and no running container has the volume {name} there.": "{client} compte "
    "comme une autre machine ({host}), et aucun conteneur qui y tourne n'a le volume {name}.",
    'Start the service that uses it, or name one that has it with in = "compose:…". An address of the '
    "network, 127.0.0.1 too, may be the end of a tunnel: only a socket (unix://) is this machine for sure.": "Démarrez le "
    "service qui l'utilise, ou nommez-en un qui l'a avec in = « compose:… ». Une adresse du réseau, 127.0.0.1 aussi, peut être "
    "le bout d'un tunnel : seul un socket (unix://) est sûrement cette machine.",
    "{path} is not clean, so Git does not have all of it: {count} changes ({names}).": "{path} n'est pas propre, donc Git n'a "
    "pas tout : {count} changements ({names}).",
    "Commit them, or save the directory as a component of the kind files.": "Validez-les, ou sauvegardez le répertoire comme "
    "composant de type files.",
    "The commit {commit} of {path} is not known to be on {remote}.": "Rien ne dit que le commit {commit} de {path} soit sur "
    "{remote}.",
    "Push it: git -C {path} push {remote}": "Poussez-le : git -C {path} push {remote}",
    "The image {name} was replaced by another one while it was saved.": "L'image {name} a été remplacée par une autre "
    "pendant sa sauvegarde.",
    "Run the backup again; let no build or pull run beside it.": "Relancez la sauvegarde ; qu'aucun « build » ni « pull » "
    "ne tourne à côté.",
}
