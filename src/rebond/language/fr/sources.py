"""French for the sources."""

SOURCES: dict[str, str] = {
    "{path} could not be read to its end: {reason}": "{path} n'a pas pu être lu jusqu'à la fin : {reason}",
    "Check the disk it lies on; then run the backup again.": "Vérifiez le disque où il se trouve, puis relancez la "
    "sauvegarde.",
    "The directory {path} was replaced while it was being restored; nothing more is written there.": "Le dossier {path} "
    "a été remplacé pendant sa restauration ; plus rien n'y est écrit.",
    "See who else writes to the target, and restore into an empty directory.": "Voyez qui d'autre écrit dans la cible, "
    "et restaurez dans un dossier vide.",
    "{path} is a symbolic link where a directory is to be restored; nothing is written through it.": "{path} est un lien "
    "symbolique là où un dossier doit être restauré ; rien n'est écrit à travers lui.",
    "Remove the link, or restore into an empty directory.": "Retirez le lien, ou restaurez dans un dossier vide.",
    "The owner of {count} files or directories could not be set, first that of {path}: {reason}": "Le propriétaire de "
    "{count} fichiers ou dossiers n'a pas pu être rétabli, d'abord celui de {path} : {reason}",
    "Restore as root, onto a file system that keeps owners.": "Restaurez en root, sur un système de fichiers qui garde "
    "les propriétaires.",
    "{count} extended attributes could not be set, first one of {path}: {reason}": "{count} attributs étendus n'ont pas "
    "pu être rétablis, d'abord un de {path} : {reason}",
    "Restore as root, onto a file system that keeps extended attributes.": "Restaurez en root, sur un système de "
    "fichiers qui garde les attributs étendus.",
    "The inode flags of {count} files or directories could not be set, first those of {path}: {reason}": "Les drapeaux "
    "d'inode de {count} fichiers ou dossiers n'ont pas pu être rétablis, d'abord ceux de {path} : {reason}",
    "Restore as root, onto a file system of the same kind.": "Restaurez en root, sur un système de fichiers du même type.",
    "{path} is saved although {marker} lies in it, because it was named.": "{path} est sauvegardé bien que {marker} s'y "
    "trouve, parce qu'il a été nommé.",
    "{path} was moved while it was being saved; some of its subdirectories are not in this snapshot.": "{path} a été "
    "déplacé pendant sa sauvegarde ; certains de ses sous-dossiers n'y sont pas.",
    "{path} could not be read, nor could anything after it: {reason}": "{path} n'a pas pu être lu, ni rien de ce qui suit : {reason}",
    "Raise the limit of open files ('ulimit -n', LimitNOFILE= in systemd).": "Relevez la limite de fichiers ouverts ('ulimit -n', LimitNOFILE= dans systemd).",
    "{path} was deleted while it was being saved; what had not been read by then is not in this snapshot.": "{path} a été supprimé pendant sa sauvegarde ; ce qui n'avait pas encore été lu n'y est pas.",
    "Run the backup again, and not while something is put in its place.": "Relancez la sauvegarde, et pas pendant que quelque chose prend sa place.",
    "Run the backup again while nothing moves there.": "Relancez la sauvegarde quand rien n'y bouge.",
    "{path} vanished while it was being saved.": "{path} a disparu pendant sa sauvegarde.",
    "{path} became something else while it was being saved, and is not in this snapshot.": "{path} est devenu autre "
    "chose pendant sa sauvegarde, et n'y est pas.",
    "{path} could not be read and is not in this snapshot: {reason}": "{path} n'a pas pu être lu et n'est pas dans cette "
    "sauvegarde : {reason}",
    "Give the user of the backup the right to read it, or leave it out with --exclude.": "Donnez à l'utilisateur de la "
    "sauvegarde le droit de le lire, ou écartez-le avec --exclude.",
    "not looked at": "non regardés",
    "{path} could not be looked at, and is not compared: {reason}": "{path} n'a pu être regardé et n'est pas comparé : {reason}",
    "Give this user the right to read it, or ask as one who has it.": "Donnez à cet utilisateur le droit de le lire, ou demandez en tant que quelqu'un qui l'a.",
    "What {path} holds could not be listed to its end, and is missing from this snapshot: {reason}": "Le contenu de "
    "{path} n'a pas pu être listé jusqu'au bout, et manque à cette sauvegarde : {reason}",
    "Extended attributes of {path} could not be read and are not in this snapshot: {reason}": "Des attributs étendus de "
    "{path} n'ont pas pu être lus et ne sont pas dans cette sauvegarde : {reason}",
    "Run the backup as a user who may read them.": "Lancez la sauvegarde comme un utilisateur qui peut les lire.",
    "The modification time of {path} lies outside of the years 1677 to 2554; the nearest is saved.": "La date de {path} "
    "est hors des années 1677 à 2554 ; la plus proche est enregistrée.",
    "What is mounted on {path} is left out by --one-file-system.": "Ce qui est monté sur {path} est écarté par "
    "--one-file-system.",
    "What {path} holds is left out, because {marker} lies in it.": "Le contenu de {path} est écarté, parce que {marker} "
    "s'y trouve.",
    "The snapshot holds a name that would lead out of the target: {name}": "La sauvegarde contient un nom qui mènerait "
    "hors de la cible : {name}",
    "The snapshot was made by something hostile or broken; restore the other paths with --exclude.": "La sauvegarde a "
    "été faite par quelque chose d'hostile ou de cassé ; restaurez les autres chemins avec --exclude.",
    "The file of patterns {file} cannot be read: {reason}": "Le fichier de motifs {file} ne peut être lu : {reason}",
    "Check the path given with --exclude-from.": "Vérifiez le chemin donné avec --exclude-from.",
    "The rules in {path} could not be read, so nothing is left out by them: {reason}": "Les règles de {path} n'ont pas "
    "pu être lues, donc rien n'est écarté par elles : {reason}",
    "Make it a plain file that the user of the backup may read.": "Faites-en un simple fichier que l'utilisateur de la "
    "sauvegarde peut lire.",
    "{path} may not be read.": "{path} ne peut être lu : accès refusé.",
    "Run the backup as a user who may read it.": "Lancez la sauvegarde comme un utilisateur qui peut le lire.",
    "{path} cannot be opened: {reason}": "{path} ne peut être ouvert : {reason}",
    "Check that what it lies on is mounted and answers.": "Vérifiez que ce qui le porte est monté et répond.",
    "{path} is empty.": "{path} est vide.",
    "Check that what belongs there is mounted; --allow-empty saves it all the same.": "Vérifiez que ce qui doit y être "
    "est monté ; --allow-empty le sauvegarde quand même.",
    "The rules leave nothing of {path}.": "Les règles ne laissent rien de {path}.",
    "See 'rebond explain PATH' for one of its files; --allow-empty saves it all the same.": "Voyez « rebond explain "
    "CHEMIN » pour un de ses fichiers ; --allow-empty le sauvegarde quand même.",
    "{path} cannot be listed: {reason}": "{path} ne peut être listé : {reason}",
    "There is nothing to save at {path}: {reason}": "Il n'y a rien à sauvegarder à {path} : {reason}",
    "Check the path, and that what it lies on is mounted.": "Vérifiez le chemin, et que ce qui le porte est monté.",
    "{path} is neither a directory nor a file.": "{path} n'est ni un dossier ni un fichier.",
    "Name the directory that it lies in.": "Nommez le dossier où il se trouve.",
    "{path} was left out, because reading it failed: {reason}": "{path} a été laissé de côté, parce que sa lecture a échoué : {reason}",
    "{path} changed while it was read; what was read is saved.": "{path} a changé pendant sa lecture ; ce qui a été lu est sauvegardé.",
    "Save it while nothing writes to it, or with the program that owns it.": "Sauvegardez-le quand rien n'y écrit, ou avec le programme à qui il appartient.",
    "{path} became a directory while it was being saved, and may be missing from this snapshot.": "{path} est devenu un dossier pendant sa sauvegarde, et peut y manquer.",
    "{path} is in this snapshot all the same: it has not changed since it was stored.": "{path} est quand même dans cette sauvegarde : il n'a pas changé depuis qu'il fut stocké.",
}
