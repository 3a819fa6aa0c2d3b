"""French for the vault's objects: what is wrong with their bytes."""

VAULT_OBJECTS: dict[str, str] = {
    "vault.json cannot be read: {reason}": "vault.json ne peut être lu : {reason}",
    "vault.json is not a JSON object.": "vault.json n'est pas un objet JSON.",
    "vault.json has no valid {name}.": "vault.json n'a pas de {name} valable.",
    "The vault has format {version}; this Rebond knows format 1.": "Le coffre est au format {version} ; ce Rebond connaît "
    "le format 1.",
    "Update Rebond, then run the same command again. Nothing was written.": "Mettez Rebond à jour, puis relancez la même "
    "commande. Rien n'a été écrit.",
    "vault.json was changed since its owner signed it.": "vault.json a été modifié depuis que son propriétaire l'a signé.",
    "vault.json is not one: a field is missing or has the wrong form.": "vault.json n'en est pas un : un champ manque ou "
    "n'a pas la bonne forme.",
    "Put back the original vault.json from a replica or a copy of the vault.": "Remettez le vault.json d'origine depuis "
    "une copie du coffre.",
    "A frame is too short.": "Une trame est trop courte.",
    "A frame claims {size} bytes, more than the format allows.": "Une trame annonce {size} octets, plus que le format ne "
    "permet.",
    "A frame decodes to {found} bytes, not {size}.": "Une trame se décode en {found} octets, pas {size}.",
    "A compressed frame disagrees with its header about its size.": "Une trame compressée contredit son en-tête sur sa "
    "taille.",
    "A compressed frame does not decode: {reason}": "Une trame compressée ne se décode pas : {reason}",
    "A frame uses the unknown codec {codec}.": "Une trame emploie le codec inconnu {codec}.",
    "A segment is too short to hold a chunk.": "Un segment est trop court pour contenir un morceau.",
    "A segment claims {count} chunks, more than fit.": "Un segment annonce {count} morceaux, plus qu'il n'en tient.",
    "The chunks of a segment do not add up to its size.": "Les morceaux d'un segment ne font pas sa taille.",
    "A segment of {size} bytes is larger than the format allows.": "Un segment de {size} octets est plus grand que le "
    "format ne permet.",
    "An object is too short to have a header.": "Un objet est trop court pour avoir un en-tête.",
    "An object does not begin as one of this format.": "Un objet ne commence pas comme ceux de ce format.",
    "An object has format {version}, suite {suite}, flags {flags}, which this Rebond does not know.": "Un objet a le "
    "format {version}, la suite {suite}, les drapeaux {flags}, que ce Rebond ne connaît pas.",
    "Update Rebond, then run the same command again.": "Mettez Rebond à jour, puis relancez la même commande.",
    "An object is of kind {kind}, not {expected}.": "Un objet est de nature {kind}, pas {expected}.",
    "An object belongs to another vault.": "Un objet appartient à un autre coffre.",
    "The sum at the end of an object does not match its bytes.": "La somme à la fin d'un objet ne correspond pas à ses "
    "octets.",
    "The index list {name} is cut short.": "La liste d'index {name} est coupée.",
    "The index list {name} is not what was written.": "La liste d'index {name} n'est pas ce qui fut écrit.",
    "Run 'rebond verify --repair' to rebuild it from the packs; the prune after that deletes it.": "Lancez « rebond verify --repair » pour la reconstruire depuis les paquets ; le nettoyage suivant la supprime.",
    "Run 'rebond verify --repair' to rebuild it from the packs.": "Lancez « rebond verify --repair » pour la reconstruire "
    "depuis les paquets.",
    "The index list {name} ends before one of its tables.": "La liste d'index {name} finit avant une de ses tables.",
    "The index list {name} is left out: {reason}": "La liste d'index {name} est laissée de côté : {reason}",
    "Keyring {number} holds another keyring: it was renamed.": "Le trousseau {number} en contient un autre : il a été "
    "renommé.",
    "Slot {slot} is not one that the vault's owner trusts.": "L'accès {slot} n'est pas de ceux auxquels le propriétaire "
    "du coffre se fie.",
    "Keyring {number} names other slots inside than outside.": "Le trousseau {number} nomme d'autres accès dedans que "
    "dehors.",
    "vault.json is not the one that this keyring was made for: it was swapped.": "vault.json n'est pas celui pour lequel "
    "ce trousseau fut fait : il a été échangé.",
    "The keyring changed {attempts} times while it was read.": "Le trousseau a changé {attempts} fois pendant sa "
    "lecture.",
    "See who else writes below keyring/ in the vault, then run the same command again.": "Voyez qui d'autre écrit sous "
    "keyring/ dans le coffre, puis relancez la même commande.",
    "The vault was rolled back: keyring {number} was seen before, and no valid one of it or later is there.": "Le coffre "
    "a été ramené en arrière : le trousseau {number} avait été vu, et il n'y en a plus de valable à ce numéro ou "
    "au-delà.",
    "Somebody may have put back an older copy. Ask who changed the vault; if it was you, see 'Pins' in "
    "docs/threat-model.md.": "Quelqu'un a peut-être remis une copie plus ancienne. Demandez qui a changé le coffre ; si "
    "c'est vous, voyez « Pins » dans docs/threat-model.md.",
    "There is no keyring in the vault, so its content cannot be opened.": "Il n'y a pas de trousseau dans le coffre : son "
    "contenu ne peut être ouvert.",
    "The newest keyring, {name}, is damaged, and no copy of it in the vault is whole: {reason}": "Le trousseau le plus "
    "récent, {name}, est endommagé, et aucune copie n'en est intacte dans le coffre : {reason}",
    "Restore the objects below keyring/ from a replica or a copy of the vault.": "Remettez les objets sous keyring/ "
    "depuis une copie du coffre.",
    "A keyring is not valid and was passed over: {reason}": "Un trousseau n'est pas valable et a été laissé de côté : "
    "{reason}",
    "Restore it from a replica, or find out who put it there.": "Remettez-le depuis une copie, ou cherchez qui l'a mis "
    "là.",
    "The record {name} is too short.": "L'enregistrement {name} est trop court.",
    "The slot {name} holds another slot: it was renamed.": "L'accès {name} en contient un autre : il a été renommé.",
    "A pack does not end as one.": "Un paquet ne finit pas comme il se doit.",
    "A chunk table holds {found} bytes, not {count} ids.": "Une table de morceaux contient {found} octets, pas {count} "
    "identifiants.",
    "A sealing key is {size} bytes long, not 1216.": "Une clé de scellement a {size} octets, pas 1216.",
    "A wrapped key does not open with this private key.": "Une clé enveloppée ne s'ouvre pas avec cette clé privée.",
    "Sealed bytes do not open: they were changed or swapped.": "Des octets scellés ne s'ouvrent pas : ils ont été changés "
    "ou échangés.",
    "The signature of a {kind} does not verify.": "La signature d'un objet {kind} n'est pas bonne.",
    "A sealed {what} record is too short.": "Un enregistrement scellé {what} est trop court.",
    "No key at hand opens this {what} record.": "Aucune clé présente n'ouvre cet enregistrement {what}.",
    "A sealed {what} record does not open: its bytes were changed.": "Un enregistrement scellé {what} ne s'ouvre pas : "
    "ses octets ont été changés.",
    "A {kind} record cannot be read: {reason}": "Un enregistrement {kind} ne peut être lu : {reason}",
    "A record has the same key twice.": "Un enregistrement a deux fois la même clé.",
    "References claim {size} bytes, more than is plausible.": "Des références annoncent {size} octets, plus qu'il n'est "
    "plausible.",
    "References do not decode: {reason}": "Des références ne se décodent pas : {reason}",
    "References name a session twice, or by a malformed id.": "Des références nomment une session deux fois, ou par un "
    "identifiant mal formé.",
    "Member {member} is not in roster {number}.": "Le membre {member} n'est pas dans le registre {number}.",
    "Member {label} was revoked before this record was put.": "Le membre {label} était révoqué avant le dépôt de cet "
    "enregistrement.",
    "Member {label} is a {role} and may not make such a record.": "Le membre {label} est un {role} et ne peut faire un "
    "tel enregistrement.",
    "Member {label} does not belong to the record's domain.": "Le membre {label} n'est pas du domaine de "
    "l'enregistrement.",
    "The record's domain was closed before it was put by {label}.": "Le domaine de l'enregistrement était fermé avant son "
    "dépôt par {label}.",
    "This vault cannot be {deed} by this Rebond: it uses {features}.": "Ce Rebond ne peut pas agir ainsi ({deed}) sur ce "
    "coffre, qui emploie {features}.",
    "The parts of roster {number} do not add up.": "Les parties du registre {number} ne s'accordent pas.",
    "Roster {number} holds another roster: it was renamed.": "Le registre {number} en contient un autre : il a été "
    "renommé.",
    "The roster could not be changed: its next number was taken {attempts} times in a row.": "Le registre n'a pas pu être "
    "changé : son numéro suivant a été pris {attempts} fois de suite.",
    "See who else writes below roster/ in the vault, then run the same command again.": "Voyez qui d'autre écrit sous "
    "roster/ dans le coffre, puis relancez la même commande.",
    "The vault was rolled back: roster {number} was seen before, and no valid one of it or later is there.": "Le coffre a "
    "été ramené en arrière : le registre {number} avait été vu, et il n'y en a plus de valable à ce numéro ou au-delà.",
    "There is no roster in the vault.": "Il n'y a pas de registre dans le coffre.",
    "The newest roster, {name}, is damaged, and no copy of it in the vault is whole: {reason}": "Le registre le plus "
    "récent, {name}, est endommagé, et aucune copie n'en est intacte dans le coffre : {reason}",
    "Restore the objects below roster/ from a replica or a copy of the vault.": "Remettez les objets sous roster/ depuis "
    "une copie du coffre.",
    "A roster is not valid and was passed over: {reason}": "Un registre n'est pas valable et a été laissé de côté : "
    "{reason}",
    "A segment is of kind {kind}, which this Rebond does not know.": "Un segment est de nature {kind}, que ce Rebond ne "
    "connaît pas.",
    "A segment is {found} bytes long, not {size}.": "Un segment a {found} octets, pas {size}.",
    "A segment is too short to have a header.": "Un segment est trop court pour avoir un en-tête.",
    "A segment does not begin as one.": "Un segment ne commence pas comme il se doit.",
    "A segment has version {version}, suite {suite}, flags {flags}, which this Rebond does not know.": "Un segment a la "
    "version {version}, la suite {suite}, les drapeaux {flags}, que ce Rebond ne connaît pas.",
    "An object is too short to hold a record.": "Un objet est trop court pour contenir un enregistrement.",
    "A record is said to be {length} bytes long and is cut short.": "Un enregistrement annonce {length} octets et est "
    "coupé.",
    "A {kind} is too short to be signed.": "Un objet {kind} est trop court pour être signé.",
    "{name} is {size} bytes long; at most {limit} are allowed, so it was not read.": "{name} a {size} octets ; au plus "
    "{limit} sont permis, il n'a donc pas été lu.",
    "The parts of slot {slot} do not add up.": "Les parties de l'accès {slot} ne s'accordent pas.",
    "The two keys in slot {slot} do not belong together.": "Les deux clés de l'accès {slot} ne vont pas ensemble.",
    "A passphrase slot has no key-derivation parameters.": "Un accès par phrase de passe n'a pas de paramètres de "
    "dérivation.",
    "A snapshot record is too short.": "Une fiche de sauvegarde est trop courte.",
    "The snapshot record {name} holds another snapshot: it was renamed.": "La fiche de sauvegarde {name} en contient une "
    "autre : elle a été renommée.",
    "The parts of the snapshot record {name} do not add up.": "Les parties de la fiche de sauvegarde {name} ne "
    "s'accordent pas.",
    "A commit record is of the unknown kind {kind}.": "Une fiche est de la nature inconnue {kind}.",
    "The void record {name} has the wrong length.": "La fiche d'annulation {name} n'a pas la bonne longueur.",
    "The private part of {name} belongs to another snapshot.": "La partie privée de {name} appartient à une autre "
    "sauvegarde.",
    "A tree entry cannot be read: {reason}": "Une entrée d'arborescence ne peut être lue : {reason}",
    "A directory object cannot be read: {reason}": "Un objet dossier ne peut être lu : {reason}",
    "A directory has a page at the wrong level.": "Un dossier a une page au mauvais niveau.",
    "A directory object is not in its canonical form.": "Un objet dossier n'est pas sous sa forme canonique.",
    "A directory object has neither entries nor pages.": "Un objet dossier n'a ni entrées ni pages.",
    "A stored tree has an entry with the impossible name {name}.": "Une arborescence stockée a une entrée au nom "
    "impossible {name}.",
    "A list of chunks is nested {level} levels deep.": "Une liste de morceaux est imbriquée sur {level} niveaux.",
    "A list of chunks is cut short.": "Une liste de morceaux est coupée.",
    "{name} is neither a snapshot nor a journal nor a stream item.": "{name} n'est ni une sauvegarde, ni un journal, ni un élément de flux.",
    "A sealing key is not one: {reason}": "Une clé de scellement n'en est pas une : {reason}",
    "References name more segments of a session than one can have.": "Des références nomment plus de segments d'une session qu'elle n'en peut avoir.",
    "A record speaks of segment {number}, which no session can have.": "Un enregistrement parle du segment {number}, qu'aucune session ne peut avoir.",
    "{name} is not this vault's: {reason}": "{name} n'appartient pas à ce coffre : {reason}",
    "{name} is not one of this vault's lists: {reason}": "{name} n'est pas une des listes de ce coffre : {reason}",
    "The index list {name} speaks for another writer than the one that signed it.": "La liste d'index {name} parle au "
    "nom d'un autre rédacteur que celui qui l'a signée.",
    "A tree entry is of the unknown kind {kind}.": "Une entrée d'arborescence est du genre inconnu {kind}.",
    "The chunks of a file are less than its size.": "Les morceaux d'un fichier n'atteignent pas sa taille.",
    "The chunks of a file are more than its size.": "Les morceaux d'un fichier dépassent sa taille.",
    # what is in the way
    "{location} lies in the vault at {vault}; nothing else may be made there.": "{location} est dans le coffre à {vault} ; rien d'autre ne peut y être créé.",
    "Choose a place outside of every vault.": "Choisissez un endroit hors de tout coffre.",
    "{target} lies in the vault at {vault}; nothing was written.": "{target} est dans le coffre à {vault} ; rien n'a été écrit.",
    "Name a directory outside of every vault.": "Nommez un répertoire hors de tout coffre.",
    "{path} lies in the vault that it is to be saved in.": "{path} est dans le coffre où il devait être sauvegardé.",
    "Name something else with --path. To copy a vault, copy its directory with any tool.": "Nommez autre chose avec --path. Pour copier un coffre, copiez son répertoire avec n'importe quel outil.",
    "The vault at {location} lies in what is saved; it is left out of its own snapshot.": "Le coffre à {location} est dans ce qui est sauvegardé ; il est laissé hors de sa propre sauvegarde.",
    "Keep it elsewhere: what destroys one would destroy both.": "Gardez-le ailleurs : ce qui détruit l'un détruirait les deux.",
    "{name} in {location} is neither a file nor a directory; until it is gone nothing can be listed there.": "{name} dans {location} n'est ni un fichier ni un répertoire ; tant qu'il y est, rien ne peut y être listé.",
    "Rebond makes no such thing. Find out who did, and move it out of the vault.": "Rebond ne crée rien de tel. Trouvez qui l'a fait, et sortez-le du coffre.",
    "No new passphrase was given, and there is no terminal to ask on.": "Aucune nouvelle phrase de passe n'a été donnée, et il n'y a pas de terminal où la demander.",
    "Set REBOND_NEW_PASSPHRASE_FILE to a file with it; or add a key file or a recovery key instead.": "Mettez-la dans un fichier que nomme REBOND_NEW_PASSPHRASE_FILE ; ou ajoutez plutôt un fichier de clé ou une clé de secours.",
    "{text} is still to come.": "{text} est encore à venir.",
    "Name a moment since which the key may have been stolen.": "Donnez un moment depuis lequel la clé a pu être volée.",
    "Nothing said of this snapshot counts any more: {name} has the last number that there is.": "Rien de ce qu'on dit de cette sauvegarde ne compte plus : {name} a le dernier numéro possible.",
    "Delete that object by the store's own means, and find out who put it there: no hold comes so far.": "Supprimez cet objet par les moyens du stockage, et cherchez qui l'a mis là : aucun blocage n'arrive si loin.",
    "This passphrase has the shape of a recovery key, and would be taken for one: it would open nothing.": "Cette phrase de passe a la forme d'une clé de secours, et serait prise pour telle : elle n'ouvrirait rien.",
    "Take a word more, or another sign such as a comma.": "Prenez un mot de plus, ou un autre signe comme une virgule.",
    "The passphrase has an end of a line or another control character in it, which nobody can type.": "La phrase de passe contient une fin de ligne ou un autre caractère de contrôle, que personne ne peut taper.",
    "Give one of several words, on one line.": "Donnez-en une de plusieurs mots, sur une ligne.",
    "{name} is damaged: {reason} Its copy {copy} is whole and was used.": "{name} est endommagé : {reason} Sa copie {copy} "
    "est intacte et a servi.",
    "{name} is missing. Its copy {copy} is whole and was used.": "{name} manque. Sa copie {copy} est intacte et a servi.",
    "'rebond verify --repair' puts it right. Find out what changed it: a failing disk damages more.": "« rebond verify "
    "--repair » le remet en état. Cherchez ce qui l'a changé : un disque qui faiblit abîme autre chose aussi.",
    "{name} or its copy could not be put right: {reason}": "{name} ou sa copie n'a pu être remis en état : {reason}",
    "Run 'rebond verify --repair' with the credentials that the vault was made with.": "Lancez « rebond verify --repair » "
    "avec les droits qui ont servi à créer le coffre.",
    "The slot is another one.": "L'accès en est un autre.",
    "'rebond verify --repair' puts it back from {copy}, if that is there; otherwise put it back from a replica or a copy "
    "of the vault. Find out who deleted it.": "« rebond verify --repair » le remet depuis {copy}, si elle est là ; sinon, "
    "remettez-le depuis une copie du coffre. Cherchez qui l'a effacé.",
    "{name} has no second copy in the vault: one damaged byte of it could cost the whole vault.": "{name} n'a pas de "
    "seconde copie dans le coffre : un seul octet abîmé pourrait coûter tout le coffre.",
    "'rebond verify --repair' with the owner's key makes one.": "« rebond verify --repair », avec la clé du propriétaire, "
    "en fait une.",
    "{copy} is the copy of {name}, which was deleted: a key that was removed may open it.": "{copy} est la copie de "
    "{name}, qui a été effacé : une clé retirée l'ouvre peut-être.",
    "'rebond verify --repair' with the owner's key deletes it.": "« rebond verify --repair », avec la clé du propriétaire, "
    "l'efface.",
    "'rebond verify --repair' puts it back from {copy}, if that is there. Otherwise restore it from a replica, or remove "
    "it with 'rebond key remove {slot}' and add it anew with 'rebond key add'.": "« rebond verify --repair » le remet "
    "depuis {copy}, si elle est là. Sinon, restaurez-le depuis une réplique, ou retirez-le avec « rebond key remove {slot} » "
    "et ajoutez-le de nouveau avec « rebond key add ».",
    "'rebond verify --repair' with the owner's key puts it back from its other copy in the vault. If both are damaged, "
    "put it back from a replica or a copy of the vault.": "« rebond verify --repair », avec la clé du propriétaire, le "
    "remet depuis son autre copie dans le coffre. Si les deux sont endommagés, remettez-le depuis une copie du coffre.",
    "'rebond verify --repair' with the owner's key puts it back from its other copy in the vault. If both are damaged, "
    "run 'rebond key remove {slot}' and then 'rebond key add'.": "« rebond verify --repair », avec la clé du "
    "propriétaire, le remet depuis son autre copie dans le coffre. Si les deux sont endommagés, lancez « rebond key "
    "remove {slot} », puis « rebond key add ».",
}
