"""French for the vault: keys, members, opening, writing, reading."""

VAULT: dict[str, str] = {
    "Nothing can be remembered in {path}, so this takes longer: {reason}": "Rien ne peut être retenu dans {path}, c'est "
    "donc plus long : {reason}",
    "Make it writable, free some space there, or set REBOND_CACHE_DIR.": "Rendez-le accessible en écriture, libérez-y de "
    "la place, ou définissez REBOND_CACHE_DIR.",
    "The snapshot stands, but this machine could not remember what it saved: {reason}": "La sauvegarde est valide, mais "
    "cette machine n'a pas pu retenir ce qu'elle a sauvegardé : {reason}",
    "Free some space where REBOND_CACHE_DIR says, else below ~/.cache; the next backup reads more and stores nothing twice.": "Libérez de la place là "
    "où REBOND_CACHE_DIR le dit, sinon sous ~/.cache ; la prochaine sauvegarde lira davantage et ne stockera rien deux fois.",
    "The snapshot was forgotten by a clean-up before its writer knew that it stood.": "La sauvegarde a été oubliée par un "
    "nettoyage avant que son auteur ne sache qu'elle était valide.",
    "Run the backup again: what was stored and is still there is found again.": "Relancez la sauvegarde : ce qui est "
    "stocké et encore là est retrouvé.",
    "The snapshot stands, but what this machine remembers of the vault is damaged.": "La sauvegarde est valide, mais ce "
    "que cette machine retient du coffre est endommagé.",
    "The next run makes it anew from the vault. If this comes again, look after the disk that holds it; "
    "REBOND_CACHE_DIR names another place.": "Le prochain passage le refait à partir du coffre. Si cela revient, "
    "examinez le disque qui le porte ; REBOND_CACHE_DIR désigne un autre endroit.",
    "What this machine remembers of the vault is damaged, or cannot be read: {path}.": "Ce que cette machine retient du "
    "coffre est endommagé, ou illisible : {path}.",
    "Run the command again: it is made anew from the vault. If this comes again, look after the disk that holds it; "
    "REBOND_CACHE_DIR names another place.": "Relancez la commande : c'est refait à partir du coffre. Si cela revient, "
    "examinez le disque qui le porte ; REBOND_CACHE_DIR désigne un autre endroit.",
    # sharing deduplication
    "{label} is a keeper: it stores nothing, so there is no deduplication to share.": "{label} est un gardien : il ne "
    "stocke rien, il n'y a donc pas de déduplication à partager.",
    "Name a writer after --share-with. 'rebond key list' shows all members.": "Nommez un membre qui écrit après "
    "--share-with. « rebond key list » montre tous les membres.",
    "A keeper has no deduplication to share.": "Un gardien n'a pas de déduplication à partager.",
    "Leave out --share-with, or issue a writer.": "Omettez --share-with, ou créez un membre qui écrit.",
    # what ends a record
    "It is {size} bytes long, more than what ends a record can be.": "Il fait {size} octets, plus que ce qui met fin à un "
    "enregistrement ne peut avoir.",
    "It is neither a keeper's tombstone nor a withdrawal that a member signed.": "Ce n'est ni la stèle d'un gardien ni un "
    "retrait signé par un membre.",
    "Only the member whose snapshot it is may withdraw it.": "Seul le membre dont c'est la sauvegarde peut la retirer.",
    "{name} was withdrawn with its writer's key, which nothing called for or too late: it still stands.": "{name} a été "
    "retiré avec la clé de son auteur, sans raison ou trop tard : il reste valide.",
    "Verify this snapshot. If its writer's key may be stolen, revoke it with 'rebond key revoke LABEL'.": "Vérifiez cette sauvegarde. Si la clé de son auteur a pu être volée, révoquez-la avec « rebond key revoke NOM ».",
    # keeping a tree
    "{path} was left out, because reading it failed: {reason}": "{path} est laissé de côté, car sa lecture a échoué : "
    "{reason}",
    "{path} changed while it was read; what was read is saved.": "{path} a changé pendant sa lecture ; ce qui a été lu "
    "est sauvegardé.",
    "Save it while nothing writes to it, or with the program that owns it.": "Sauvegardez-le quand rien n'y écrit, ou "
    "avec le programme qui le possède.",
    "{path} became a directory while it was being saved, and may be missing from this snapshot.": "{path} est devenu un "
    "répertoire pendant sa sauvegarde, et manque peut-être dans celle-ci.",
    "{path} is in this snapshot all the same: it has not changed since it was stored.": "{path} est tout de même dans "
    "cette sauvegarde : il n'a pas changé depuis qu'il est stocké.",
    "{path} was gone on with: a run that was cut had read and stored {size} of it.": "{path} a été repris : une "
    "exécution interrompue en avait déjà lu et stocké {size}.",
    # commits and sessions
    "The references {name} of a snapshot are missing.": "Les références {name} d'une sauvegarde manquent.",
    "Run 'rebond verify' to see what it reaches.": "Lancez « rebond verify » pour voir ce que cela atteint.",
    "The references {name} are not what was written.": "Les références {name} ne sont pas ce qui fut écrit.",
    "A newer snapshot may be what was meant: its record {name} cannot be trusted, so {id} of {moment} was taken.": "Une sauvegarde plus récente est peut-être celle qui était voulue : on ne peut se fier à sa fiche {name}, donc {id} de {moment} a été prise.",
    "'rebond verify' says what is wrong with it. A copy of the vault may have it whole: --vault ADDRESS-OF-THE-COPY.": "« rebond verify » dit ce qu'elle a. Une copie du coffre l'a peut-être entière : --vault ADRESSE-DE-LA-COPIE.",
    "The snapshot record {name} cannot be trusted: {reason}": "On ne peut se fier à la fiche de sauvegarde {name} : "
    "{reason}",
    "It is left alone and never counted. 'rebond verify' lists all such records.": "Elle est laissée telle quelle et "
    "jamais comptée. « rebond verify » liste toutes les fiches de ce genre.",
    "The run took more than 24 hours on a store without conditional create, so it is not committed.": "Le passage a duré plus de 24 heures sur un stockage sans création conditionnelle : il n'est pas validé.",
    "Run the backup again: what was stored is found again. Or use a store with conditional create.": "Relancez la "
    "sauvegarde : ce qui est stocké est retrouvé. Ou prenez un stockage à création conditionnelle.",
    "The snapshot was put and does not count: meanwhile this key was revoked or its domain closed.": "La sauvegarde est "
    "déposée et ne compte pas : entre-temps cette clé a été révoquée, ou son domaine fermé.",
    "A keeper ended this session before it could commit; it is tried again.": "Un keeper a clos cette session avant "
    "qu'elle ne soit validée ; on la recommence.",
    "Nothing is lost. If it happens often, prune at another time than the backups run.": "Rien n'est perdu. Si cela "
    "arrive souvent, nettoyez à un autre moment que les sauvegardes.",
    "Another record lies where this snapshot belongs: {name}.": "Une autre fiche occupe la place de cette sauvegarde : "
    "{name}.",
    "Run 'rebond verify', and find out who else holds this key.": "Lancez « rebond verify », et cherchez qui d'autre "
    "possède cette clé.",
    "A clean-up ran beside this backup on a store without conditional create, so the snapshot was withdrawn.": "Un "
    "nettoyage a eu lieu pendant cette sauvegarde sur un stockage sans création conditionnelle : la sauvegarde est "
    "retirée.",
    "Run the backup again, and not while 'rebond prune' runs.": "Relancez la sauvegarde, et pas pendant « rebond "
    "prune ».",
    "The session was abandoned.": "La session a été abandonnée.",
    "A segment did not come back as it went in, so it was not stored: memory or a library is at fault.": "Un segment "
    "n'est pas revenu tel qu'il était entré, il n'est donc pas stocké : la mémoire ou une bibliothèque est en faute.",
    "Test this machine's memory, then run the backup again. What is in the vault is unharmed.": "Testez la mémoire de "
    "cette machine, puis relancez la sauvegarde. Le contenu du coffre est intact.",
    "Of {count} packs in the vault the size is not the one that was written, first {name}; what is still there to be saved of what they held is stored again.": "De {count} paquets du coffre la taille n'est pas celle qui fut écrite, d'abord {name} ; ce qu'on peut encore sauvegarder de leur contenu est enregistré de nouveau.",
    "Run 'rebond verify --read-data --repair' to see what else they held, and look after the disk.": "Lancez 'rebond verify --read-data --repair' pour voir ce qu'ils contenaient d'autre, et veillez au disque.",
    "The snapshot stands, but its journal could not be closed: {reason}": "La sauvegarde est faite, mais son journal n'a "
    "pas pu être fermé : {reason}",
    "Nothing is to be done: the next prune closes it.": "Il n'y a rien à faire : le prochain nettoyage le ferme.",
    "Nothing was found at the root of {component}.": "Rien n'a été trouvé à la racine de {component}.",
    "Check the path, and that what it holds is mounted.": "Vérifiez le chemin, et que son contenu est monté.",
    # making a vault
    "{location} is not empty: it holds {name}, and no vault.": "{location} n'est pas vide : on y trouve {name}, et pas de "
    "coffre.",
    "Choose an empty place. If a vault was here, put its vault.json back from a copy.": "Choisissez un lieu vide. S'il y "
    "avait ici un coffre, remettez son vault.json à partir d'une copie.",
    "{location} cannot hold a vault: {reason}": "{location} ne peut contenir un coffre : {reason}",
    "Choose another place, or another server, for the vault.": "Choisissez un autre lieu, ou un autre serveur, pour le "
    "coffre.",
    "There is a vault at {location} already.": "Il y a déjà un coffre à {location}.",
    "Use it as it is ('rebond snapshots'), or choose another place.": "Employez-le tel quel (« rebond snapshots »), ou "
    "choisissez un autre lieu.",
    "Somebody else is writing below {prefix} in {location}.": "Quelqu'un d'autre écrit sous {prefix} dans {location}.",
    "Wait until that has ended, then run the same command again.": "Attendez que cela soit fini, puis relancez la même "
    "commande.",
    "{name} is there already with other contents: somebody else's, or another release's.": "{name} est déjà là avec un "
    "autre contenu : celui de quelqu'un d'autre, ou d'une autre version.",
    "Look at it; if nothing of it is needed, delete it and run the same command again.": "Regardez-le ; si rien n'en est "
    "utile, effacez-le et relancez la même commande.",
    "There is no vault at {location}.": "Il n'y a pas de coffre à {location}.",
    "Check the address: 'rebond vault list URL' with the bucket alone shows the vaults in it. 'rebond vault create' makes one, also after a cut.": "Vérifiez l'adresse : « rebond vault list URL » avec le bucket seul montre les coffres qui s'y trouvent. « rebond vault create » en crée un, même après une coupure.",
    "Check the address, and that its disk is mounted. 'rebond vault create' makes one, also after a cut.": "Vérifiez "
    "l'adresse, et que son disque est monté. « rebond vault create » en crée un, ou achève une création coupée.",
    # roles
    "This {role} key belongs to another domain than the one asked for.": "Cette clé de {role} appartient à un autre "
    "domaine que celui demandé.",
    "Use the owner's key, or the key of a writer of that domain.": "Prenez la clé du propriétaire, ou celle d'un writer "
    "de ce domaine.",
    "This {role} key cannot read or add content in that domain.": "Cette clé de {role} ne peut ni lire ni ajouter de "
    "contenu dans ce domaine.",
    "A {role} key cannot make backups.": "Une clé de {role} ne peut faire de sauvegardes.",
    "Use a writer's key or the owner's.": "Prenez la clé d'un writer ou celle du propriétaire.",
    "A {role} key cannot read what is stored; that takes the owner's passphrase, recovery key or key file.": "Une clé de "
    "{role} ne peut lire ce qui est stocké ; il y faut la phrase de passe, la clé de secours ou le fichier de clé du "
    "propriétaire.",
    "Run the command again with the owner's secret (REBOND_PASSPHRASE or REBOND_KEY_FILE).": "Relancez la commande avec "
    "le secret du propriétaire (REBOND_PASSPHRASE ou REBOND_KEY_FILE).",
    "A {role} key cannot delete or clean up.": "Une clé de {role} ne peut ni effacer ni nettoyer.",
    "Use a keeper's key or the owner's.": "Prenez la clé d'un keeper ou celle du propriétaire.",
    "A {role} key cannot manage keys.": "Une clé de {role} ne peut gérer les clés.",
    "Run the command again with the owner's passphrase, recovery key or key file.": "Relancez la commande avec la phrase "
    "de passe, la clé de secours ou le fichier de clé du propriétaire.",
    # slots
    "No slot is named {text}.": "Aucun accès ne se nomme {text}.",
    "{count} slots are named {text}.": "{count} accès se nomment {text}.",
    "'rebond key list' shows all slots; give more of the id.": "« rebond key list » montre tous les accès ; donnez "
    "davantage de l'identifiant.",
    "This is the last slot: without it nobody could ever open the vault.": "C'est le dernier accès : sans lui, personne "
    "ne pourrait jamais ouvrir le coffre.",
    "Add another one first: rebond key add.": "Ajoutez-en d'abord un autre : rebond key add.",
    "The vault was opened with this very slot.": "Le coffre vient d'être ouvert par cet accès même.",
    "Run the command again with another secret, which proves that it opens the vault.": "Relancez la commande avec un "
    "autre secret, ce qui prouve qu'il ouvre le coffre.",
    "The vault has {count} slots, which is as many as there may be.": "Le coffre a {count} accès, le maximum permis.",
    "Remove one first: rebond key remove SLOT": "Retirez-en d'abord un : rebond key remove ACCÈS",
    "The vault has no slot {slot}.": "Le coffre n'a pas d'accès {slot}.",
    "'rebond key list' shows all slots.": "« rebond key list » montre tous les accès.",
    "This secret opens nothing in the vault.": "Ce secret n'ouvre rien dans le coffre.",
    "Check for a typing error and that this is the right vault; the recovery key of the kit opens it too.": "Cherchez une "
    "faute de frappe, et si c'est le bon coffre ; la clé de secours du kit l'ouvre aussi.",
    "Key-derivation parameters are absurd: {memory_kib} KiB, {passes} passes, {lanes} lanes; refused.": "Les paramètres "
    "de dérivation de clé sont absurdes : {memory_kib} Kio, {passes} passes, {lanes} voies ; refusés.",
    "At most 256 MiB, 10 passes and 16 lanes are allowed. Use another slot, such as the recovery key.": "Au plus 256 Mio, "
    "10 passes et 16 voies sont permis. Prenez un autre accès, comme la clé de secours.",
    "The passphrase is empty.": "La phrase de passe est vide.",
    "Give one of several words, or use a key file.": "Donnez-en une de plusieurs mots, ou employez un fichier de clé.",
    "The passphrase is not valid UTF-8 text.": "La phrase de passe n'est pas un texte UTF-8 valable.",
    "Type it again, or use a key file.": "Tapez-la à nouveau, ou employez un fichier de clé.",
    "The key file holds {size} bytes; an owner's key file holds exactly 32.": "Le fichier de clé contient {size} octets ; "
    "celui d'un propriétaire en contient exactement 32.",
    "Give the file that 'rebond vault create' or 'rebond key add' wrote.": "Donnez le fichier que « rebond vault create » ou « rebond key "
    "add » a écrit.",
    "A recovery key has 70 letters in 14 groups; this one has {count}.": "Une clé de secours a 70 lettres en 14 groupes ; "
    "celle-ci en a {count}.",
    "Type it again from the recovery kit; look for a group that is missing, doubled or cut.": "Tapez-la à nouveau depuis "
    "le kit de secours ; cherchez un groupe oublié, doublé ou coupé.",
    "Each group of the recovery key is well formed, but together they are not one key.": "Chaque groupe de la clé de "
    "secours est bien formé, mais ensemble ils ne sont pas une clé.",
    "Compare it with the recovery kit: two letters of one group may be wrong at once.": "Comparez-la au kit de secours : "
    "deux lettres d'un même groupe peuvent être fausses à la fois.",
    "Group {number} of the recovery key has a typing error.": "Le groupe {number} de la clé de secours a une faute de "
    "frappe.",
    "Compare that group of five letters with the recovery kit.": "Comparez ce groupe de cinq lettres au kit de secours.",
    # members and their files
    "The key file is {size} bytes long; that is not one of a member.": "Le fichier de clé a {size} octets ; ce n'est pas "
    "celui d'un membre.",
    "{path} exists already and was left as it is.": "{path} existe déjà et reste tel quel.",
    "Choose another name: a key file that is overwritten cannot be had back.": "Choisissez un autre nom : un fichier de "
    "clé écrasé ne revient pas.",
    "{path} cannot be written: {reason}": "{path} ne peut être écrit : {reason}",
    "Choose a directory that exists, that you may write in, and that has room.": "Choisissez un dossier qui existe, où "
    "vous pouvez écrire, et qui a de la place.",
    "The key file is protected in a way that this Rebond does not know.": "Le fichier de clé est protégé d'une façon que "
    "ce Rebond ne connaît pas.",
    "The key file is too short.": "Le fichier de clé est trop court.",
    "The key file is protected by a passphrase, and none was given.": "Le fichier de clé est protégé par une phrase de "
    "passe, et aucune n'est donnée.",
    "Give it in REBOND_PASSPHRASE or REBOND_PASSPHRASE_FILE.": "Donnez-la dans REBOND_PASSPHRASE ou "
    "REBOND_PASSPHRASE_FILE.",
    "The passphrase does not open the key file.": "La phrase de passe n'ouvre pas le fichier de clé.",
    "Check for a typing error. The owner can issue a new file: rebond key issue writer LABEL --output FILE": "Cherchez une faute de frappe. Le propriétaire peut délivrer un nouveau fichier : rebond key issue writer NOM --output FICHIER",
    "The key file does not hold what a {role} holds.": "Le fichier de clé ne contient pas ce que détient un {role}.",
    "The owner has no member file.": "Le propriétaire n'a pas de fichier de membre.",
    "Use a key file: rebond key add --key-file FILE.": "Employez un fichier de clé : rebond key add --key-file FICHIER.",
    "The vault has no member named {label}.": "Le coffre n'a pas de membre nommé {label}.",
    "'rebond key list' shows all members.": "« rebond key list » montre tous les membres.",
    "Roster {number} does not name the vault's owner.": "Le registre {number} ne nomme pas le propriétaire du coffre.",
    "The owner cannot be revoked.": "Le propriétaire ne peut être révoqué.",
    "Remove the owner's slots instead, or create a new vault and copy.": "Retirez plutôt les accès du propriétaire, ou "
    "créez un nouveau coffre et copiez.",
    "The vault has no member {member}.": "Le coffre n'a pas de membre {member}.",
    "The vault has no open domain {domain}.": "Le coffre n'a pas de domaine ouvert {domain}.",
    "'rebond key list' shows the domains.": "« rebond key list » montre les domaines.",
    "A member's name has 1 to 256 printable characters.": "Le nom d'un membre a de 1 à 256 caractères imprimables.",
    "There is a member named {label} already.": "Il y a déjà un membre nommé {label}.",
    "Choose another name, or revoke that one first: rebond key revoke {label}": "Choisissez un autre nom, ou révoquez "
    "d'abord celui-là : rebond key revoke {label}",
    # opening
    "Roster {roster} names a sealing key that keyring {keyring} does not hold.": "Le registre {roster} nomme une clé de "
    "scellement que le trousseau {keyring} n'a pas.",
    "A keyring or roster is missing: restore both from a replica or a copy of the vault.": "Un trousseau ou un registre "
    "manque : remettez les deux depuis une copie du coffre.",
    "The key file belongs to another vault than the one at {location}.": "Le fichier de clé appartient à un autre coffre "
    "que celui de {location}.",
    "Check the address. If it is right, somebody replaced the vault: do not use it.": "Vérifiez l'adresse. Si elle est "
    "bonne, quelqu'un a remplacé le coffre : ne l'employez pas.",
    "The vault's roster does not know this key file.": "Le registre du coffre ne connaît pas ce fichier de clé.",
    "Ask the vault's owner for a new key file: rebond key issue writer NEW-LABEL --output FILE": "Demandez un nouveau fichier de clé au propriétaire du coffre : rebond key issue writer NOUVEAU-NOM --output FICHIER",
    "The key of {label} was revoked.": "La clé de {label} est révoquée.",
    "A domain of {label} was closed.": "Un domaine de {label} est fermé.",
    "The roster belongs to another vault of the same owner.": "Le registre appartient à un autre coffre du même "
    "propriétaire.",
    "A slot that the owner does not trust lies in the vault. It opens nothing.": "Un accès auquel le propriétaire ne se "
    "fie pas se trouve dans le coffre. Il n'ouvre rien.",
    "It is left by a command that was cut short, or somebody put it there. 'rebond key remove {slot}' deletes it.": "Il vient d'une commande coupée, ou quelqu'un l'y a mis. « rebond key remove {slot} » l'efface.",
    "A slot cannot be used: {reason}": "Un accès est inutilisable : {reason}",
    "Open the vault with another secret, then remove this slot and add it anew.": "Ouvrez le coffre avec un autre secret, "
    "puis retirez cet accès et ajoutez-le à nouveau.",
    "A slot that the keyring names is not in the vault.": "Un accès que nomme le trousseau n'est pas dans le coffre.",
    "Open the vault with another secret, then remove this slot ('rebond key remove {slot}') and add it anew ('rebond key add').": "Ouvrez le coffre avec un autre secret, puis retirez cet accès (« rebond key remove {slot} ») et ajoutez-le à nouveau (« rebond key add »).",
    "Put it back from a replica or a copy of the vault: a repair cannot make it anew.": "Remettez-le depuis une copie du coffre : aucune réparation ne peut le refaire.",
    "Put it back from a replica or a copy of the vault. If there is none, make a new backup, and give this one up by 'rebond forget {snapshot}'; no prune works before.": "Remettez-la depuis une copie du coffre. S'il n'y en a pas, faites une nouvelle sauvegarde et renoncez à celle-ci par « rebond forget {snapshot} » ; aucun nettoyage ne marche avant.",
    "Put it back from a replica or a copy of the vault. If there is none, and no prune runs, remove it by hand, then run 'rebond verify --read-data --repair': what it had forgotten is listed again.": "Remettez-la depuis une copie du coffre. S'il n'y en a pas et qu'aucun nettoyage ne tourne, retirez-la à la main, puis lancez « rebond verify --read-data --repair » : ce qu'elle avait oublié est de nouveau dans la liste.",
    "Put it back from a replica or a copy of the vault. If there is none, and no prune runs, remove it by hand after {mark}, where that is: what that had forgotten is listed again.": "Remettez-la depuis une copie du coffre. S'il n'y en a pas et qu'aucun nettoyage ne tourne, retirez-la à la main après {mark}, si celle-ci est là : ce qu'elle avait oublié est de nouveau dans la liste.",
    "Nothing that was saved is lost by it, and it goes with its snapshot. Put it back from a copy of the vault, or remove it by hand once its backup has ended a day ago.": "Rien de ce qui a été sauvegardé n'est perdu, et il part avec sa sauvegarde. Remettez-le depuis une copie du coffre, ou retirez-le à la main une fois sa sauvegarde finie depuis un jour.",
    "Put it back from a replica or a copy of the vault. If there is none, say anew what you mean by 'rebond hold {snapshot} --reason WHY' or 'rebond unhold {snapshot}', then remove it by hand.": "Remettez-la depuis une copie du coffre. S'il n'y en a pas, redites ce que vous voulez par « rebond hold {snapshot} --reason POURQUOI » ou « rebond unhold {snapshot} », puis retirez-la à la main.",
    "Put it back from a replica or a copy of the vault. If there is none, make a new base backup where it is of a write-ahead log, then remove it by hand: what it held is lost.": "Remettez-le depuis une copie du coffre. S'il n'y en a pas, faites une nouvelle sauvegarde de base s'il est d'un journal des transactions, puis retirez-le à la main : ce qu'il contenait est perdu.",
    "Restore it from a replica, or remove it with 'rebond key remove {slot}' and add it anew with 'rebond key add'.": "Remettez-le depuis une copie, ou retirez-le avec « rebond key remove {slot} » et ajoutez-le à nouveau avec « rebond key add ».",
    "Run as the account that owns it, or set REBOND_STATE_DIR to a folder of this one.": "Lancez sous le compte qui en est "
    "propriétaire, ou donnez à REBOND_STATE_DIR un dossier de celui-ci.",
    "What this machine remembers of the vault cannot be read: {path}: {reason}": "Ce que cette machine a retenu du coffre "
    "ne peut être lu : {path} : {reason}",
    "Compare the fingerprint of 'rebond vault info' with the recovery kit, then delete the file.": "Comparez l'empreinte "
    "de « rebond vault info » au kit de secours, puis effacez le fichier.",
    "The vault's owner key is not the one that this machine knows: somebody replaced the vault.": "La clé du "
    "propriétaire du coffre n'est pas celle que cette machine connaît : quelqu'un a remplacé le coffre.",
    "Compare the fingerprint with the recovery kit before you trust it. Known here: {path}": "Comparez l'empreinte au kit "
    "de secours avant de vous y fier. Connue ici : {path}",
    "What was seen of the vault cannot be remembered in {path}: {reason}": "Ce qui a été vu du coffre ne peut être retenu "
    "dans {path} : {reason}",
    "Make the directory writable, or set REBOND_STATE_DIR to one that is.": "Rendez le dossier inscriptible, ou donnez-en "
    "un autre à REBOND_STATE_DIR.",
    # reading
    "A piece of the directory tree is missing or damaged.": "Un morceau de l'arborescence manque ou est endommagé.",
    "Run 'rebond verify --read-data' to see which paths it reaches.": "Lancez « rebond verify --read-data » pour voir "
    "quels chemins cela atteint.",
    "No good copy of segment {session}.{number} is left.": "Il ne reste aucune bonne copie du segment {session}.{number}.",
    "Run 'rebond verify' to see which paths it reaches; the next backup stores what the source still has.": "Lancez "
    "« rebond verify » pour voir quels chemins cela atteint ; la prochaine sauvegarde stocke ce que la source a encore.",
    "The bytes are not those that were written.": "Les octets ne sont pas ceux qui furent écrits.",
    "It is another segment.": "C'est un autre segment.",
    "A segment in {name} is damaged, another copy is tried: {reason}": "Un segment dans {name} est endommagé, on essaie "
    "une autre copie : {reason}",
    "Run 'rebond verify --read-data --repair'.": "Lancez « rebond verify --read-data --repair ».",
    "A chunk is not what its id says.": "Un morceau n'est pas ce que dit son identifiant.",
    # wheels beside the rescue program
    "{library} was not installed here from a wheel, or was changed since; so no wheel of it can be made.": "{library} "
    "n'a pas été installée ici depuis un wheel, ou a été modifiée depuis ; on ne peut donc pas en faire un wheel.",
    "Fill a directory on any machine, and name it: python3 -m pip wheel -w DIR cryptography "
    "zstandard blake3": "Remplissez un dossier sur n'importe quelle machine, et nommez-le : python3 -m pip wheel "
    "-w DOSSIER cryptography zstandard blake3",
    "{path} is not a whole wheel: what it holds is not what its own list says.": "{path} n'est pas un wheel entier : "
    "son contenu n'est pas ce que dit sa propre liste.",
    "The wheels in {path} cannot be read: {reason}.": "Les wheels de {path} ne peuvent être lus : {reason}.",
    "{path} holds no wheel of {library}.": "{path} ne contient aucun wheel de {library}.",
    # what was taken back
    "The snapshot {id} of {moment} was taken back with its writer's key, as it may be within a day where the store does "
    "not create conditionally. It is not listed; nothing of it was deleted.": "La sauvegarde {id} du {moment} a été "
    "retirée avec la clé de son auteur, comme il le peut pendant un jour là où le stockage ne sait pas créer sous "
    "condition. Elle n'est pas listée ; rien n'en a été effacé.",
    "If a clean-up ran beside that backup, make another. If not, the key may be stolen: revoke it. 'rebond restore {id}' "
    "brings back what is there and names what is not.": "Si un nettoyage tournait à côté de cette sauvegarde, faites-en "
    "une autre. Sinon, la clé est peut-être volée : révoquez-la. « rebond restore {id} » ramène ce qui est là et nomme "
    "ce qui manque.",
}
