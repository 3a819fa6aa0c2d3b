"""French for the stores."""

STORE: dict[str, str] = {
    "{location} lists objects out of order: {name} after {last}.": "{location} liste les objets dans le désordre : "
    "{name} après {last}.",
    "Use another kind of bucket; directory buckets cannot hold a vault.": "Prenez un autre type de bucket ; un "
    "« directory bucket » ne peut contenir un coffre.",
    "An address that starts with {scheme}:// has no option {option}.": "Une adresse qui commence par {scheme}:// n'a pas "
    "d'option {option}.",
    "Did you mean {near}?": "Vouliez-vous dire {near} ?",
    "It may have: {known}.": "Elle peut avoir : {known}.",
    "{endpoint} is not the address of a server.": "{endpoint} n'est pas l'adresse d'un serveur.",
    "Write it as https://HOST or http://HOST:PORT.": "Écrivez-la https://HÔTE ou http://HÔTE:PORT.",
    "The option {option} cannot be {value}.": "L'option {option} ne peut valoir {value}.",
    "It is one of: {known}.": "Elle vaut l'un de : {known}.",
    "This address names no usable bucket and prefix: {address}": "Cette adresse ne nomme ni bucket ni préfixe "
    "utilisables : {address}",
    "Write {scheme}://BUCKET/PREFIX with letters, digits, '.', '_' and '-'.": "Écrivez {scheme}://BUCKET/PREFIXE avec "
    "des lettres, des chiffres, « . », « _ » et « - ».",
    "There is a password or key inside the address {address}, where logs and process lists would show it.": "Il y a un "
    "mot de passe ou une clé dans l'adresse {address}, où les journaux et les listes de processus le montreraient.",
    "Take it out, and give it in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3, "
    "GOOGLE_APPLICATION_CREDENTIALS for Google, AZURE_STORAGE_ACCOUNT_KEY for Azure.": "Retirez-le, et donnez-le dans "
    "l'environnement : AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY pour S3, GOOGLE_APPLICATION_CREDENTIALS pour Google, "
    "AZURE_STORAGE_ACCOUNT_KEY pour Azure.",
    "This is not an address that can be read.": "Cette adresse ne se lit pas.",
    "Write it as s3://BUCKET/PREFIX or as a path.": "Écrivez s3://BUCKET/PREFIXE ou un chemin.",
    "An address has no part after '#'.": "Une adresse n'a rien après « # ».",
    "Write '#' as %23, or leave it out.": "Écrivez « # » %23, ou retirez-le.",
    "The credentials file {path} cannot be read.": "Le fichier d'identifiants {path} ne peut être lu.",
    "Correct it, or set AWS_ACCESS_KEY_ID.": "Corrigez-le, ou définissez AWS_ACCESS_KEY_ID.",
    "There is no profile {profile} in {path}.": "Il n'y a pas de profil {profile} dans {path}.",
    "There is no credentials file {path}.": "Il n'y a pas de fichier d'identifiants {path}.",
    "Correct AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.": "Corrigez AWS_PROFILE, ou définissez "
    "AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY.",
    "Cloud stores need a library that is not installed.": "Les stockages en nuage demandent une bibliothèque qui n'est "
    "pas installée.",
    "Run: pip install 'rebond[cloud]'": "Lancez : pip install 'rebond[cloud]'",
    "The settings for {location} cannot be used: {reason}": "Les réglages de {location} sont inutilisables : {reason}",
    "Look at the address and at the variables that start with AWS_, GOOGLE_ or AZURE_.": "Regardez l'adresse et les "
    "variables qui commencent par AWS_, GOOGLE_ ou AZURE_.",
    "{location} does not answer as it should: {reason}": "{location} ne répond pas comme il faut : {reason}",
    "Look at the network and at the provider's status page, then run the same command again.": "Regardez le réseau et la "
    "page d'état du fournisseur, puis relancez la même commande.",
    "{location} refuses what it was asked of {name}, and does not say why: {reason}": "{location} refuse ce qui lui est demandé de {name}, sans dire pourquoi : {reason}",
    "Mostly the region is missing or wrong: write it into the address, in quotes, since a shell ends it at '&': 's3://BUCKET/PREFIX?region=…'. Else look at the key in the environment.": "Le plus souvent, la région manque ou est fausse : écrivez-la dans l'adresse, entre guillemets, car un shell la coupe au '&' : 's3://BUCKET/PREFIX?region=…'. Sinon, regardez la clé dans l'environnement.",
    "{location} could not handle {name}: {reason}": "{location} n'a pas pu traiter {name} : {reason}",
    "Look up this message in your provider's manual.": "Cherchez ce message dans le manuel de votre fournisseur.",
    "{name} lies in cold storage in {location} and cannot be read now.": "{name} est archivé à froid dans {location} et "
    "ne peut être lu maintenant.",
    "Ask the provider to restore it first, and choose a storage class that can be read at once.": "Demandez d'abord sa "
    "restitution au fournisseur, et choisissez une classe de stockage lisible aussitôt.",
    "{location} refuses because this machine's clock is wrong.": "{location} refuse parce que l'horloge de cette machine "
    "est fausse.",
    "Set the clock of this machine.": "Mettez cette machine à l'heure.",
    "{location} does not let this credential handle {name}: {reason}": "{location} ne permet pas à cet identifiant de "
    "traiter {name} : {reason}",
    "Look at the key in the environment and at the rights that the provider gives it.": "Regardez la clé dans "
    "l'environnement et les droits que le fournisseur lui donne.",
    "No credential was found for {location}.": "Aucun identifiant n'a été trouvé pour {location}.",
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your provider uses instead.": "Définissez "
    "AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY, ou ce que votre fournisseur emploie.",
    "No room left in {location}: {reason}": "Plus de place dans {location} : {reason}",
    "Raise the quota or free some space, then try again.": "Augmentez le quota ou libérez de la place, puis réessayez.",
    "There is no bucket at {location}.": "Il n'y a pas de bucket à {location}.",
    "Create the bucket first, or correct its name.": "Créez d'abord le bucket, ou corrigez son nom.",
    "{location} lies in another region: {reason}": "{location} est dans une autre région : {reason}",
    "{location} wants to be asked with TLS: {reason}": "{location} veut être interrogé avec TLS : {reason}",
    "{location} is asked with TLS, and what answers there speaks none: {reason}": "{location} est interrogé avec TLS, et ce "
    "qui y répond n'en parle pas : {reason}",
    "Write http:// into ?endpoint=… (or AWS_ENDPOINT_URL), or the port that speaks TLS.": "Écrivez http:// dans ?endpoint=… "
    "(ou AWS_ENDPOINT_URL), ou le port qui parle TLS.",
    "Correct the host in ?endpoint=… (or AWS_ENDPOINT_URL). Else look at this machine's network.": "Corrigez "
    "l'hôte dans ?endpoint=… (ou AWS_ENDPOINT_URL). Sinon, voyez le réseau de cette machine.",
    "Look whether the server runs, and at host and port in ?endpoint=… (or AWS_ENDPOINT_URL).": "Voyez si le serveur "
    "tourne, puis l'hôte et le port dans ?endpoint=… (ou AWS_ENDPOINT_URL).",
    "Where it wants TLS, write https:// into ?endpoint=…. Else look at the network, then run it again.": "S'il veut TLS, "
    "écrivez https:// dans ?endpoint=…. Sinon, voyez le réseau, puis relancez.",
    "Write https:// into ?endpoint=… in the address.": "Écrivez https:// dans ?endpoint=… de l'adresse.",
    "{location} knows no bucket of such a name: {reason}": "{location} ne connaît aucun bucket de ce nom : {reason}",
    "Correct the name. With ?addressing=virtual look whether the server takes it from its host's name.": "Corrigez le "
    "nom. Avec ?addressing=virtual, voyez si le serveur le prend dans le nom de son hôte.",
    "{location} takes nothing without its checksum: {reason}": "{location} ne prend rien sans sa somme de contrôle : "
    "{reason}",
    "Write checksum=sha256 into the address, behind '?' or '&'.": "Écrivez checksum=sha256 dans l'adresse, après '?' ou "
    "'&'.",
    "Write the right one into the address: ?region=….": "Écrivez la bonne dans l'adresse : ?region=….",
    "{location} cannot do what a vault needs: {reason}": "{location} ne peut faire ce qu'il faut à un coffre : {reason}",
    "If it only lacks conditional puts, add ?conditional_create=no; slower, careful rules apply then.": "S'il ne manque "
    "que l'écriture conditionnelle, ajoutez ?conditional_create=no ; des règles plus lentes et prudentes s'appliquent "
    "alors.",
    "{name} exists already in {location}.": "{name} existe déjà dans {location}.",
    "Nothing was changed. Read the object to see who made it.": "Rien n'a été changé. Lisez l'objet pour voir qui l'a "
    "fait.",
    "{name} in {location} has {size} bytes, and {end} were asked for.": "{name} dans {location} a {size} octets, et on "
    "en demandait {end}.",
    "Run 'rebond verify' to see whether the object is damaged.": "Lancez « rebond verify » pour voir si l'objet est "
    "endommagé.",
    "{name} is not in {location}.": "{name} n'est pas dans {location}.",
    "Run 'rebond verify' to see what else is missing.": "Lancez « rebond verify » pour voir ce qui manque encore.",
    "There is no directory at {location}.": "Il n'y a pas de dossier à {location}.",
    "Mount the disk that holds it. Only if there never was a vault: 'rebond vault create {location}'.": "Montez le disque qui le contient. Seulement s'il n'y a jamais eu de coffre : « rebond vault create {location} ».",
    "{location} is no longer the directory that it was.": "{location} n'est plus le dossier qu'il était.",
    "Look whether a disk was mounted or unmounted there, then run the same command again.": "Voyez si un disque y a été "
    "monté ou démonté, puis relancez la même commande.",
    "{name} cannot be an object in {location}: other names start with it.": "{name} ne peut être un objet dans "
    "{location} : d'autres noms commencent ainsi.",
    "No room left in {location} for this account: its quota is used up, whatever room the disk has.": "Plus de place dans {location} pour ce compte : son quota est épuisé, quelle que soit la place du disque.",
    "Raise the quota ('quota -s' shows it) or free some of it, then run the same command again.": "Augmentez le quota (« quota -s » le montre) ou libérez-en une part, puis relancez la même commande.",
    "{location} takes no file as large as {name}: a limit is set on the size of files.": "{location} n'accepte pas de fichier aussi grand que {name} : une limite est posée sur la taille des fichiers.",
    "Lift it ('ulimit -f' shows that of a shell, LimitFSIZE= is that of a unit), or put the vault on another file system. Then run the same command again: it goes on from what it had stored.": "Levez-la (« ulimit -f » montre celle d'un shell, LimitFSIZE= est celle d'une unité), ou mettez le coffre sur un autre système de fichiers. Relancez ensuite la même commande : elle continue avec ce qu'elle avait stocké.",
    "No room left in {location}.": "Plus de place dans {location}.",
    "Free some space there, then run the same command again.": "Libérez-y de la place, puis relancez la même commande.",
    "This account may not use {location}: {reason}.": "Ce compte ne peut utiliser {location} : {reason}.",
    "{location} does not let this account handle {name}: {reason}.": "{location} ne permet pas à ce compte de traiter "
    "{name} : {reason}.",
    "{location} can only be read: {name} cannot be written there.": "{location} est en lecture seule : {name} ne peut y être écrit.",
    "Look at the system's log: a disk with errors is made read-only. Else mount it for writing. A unit of systemd may not write to a folder that was made after it began: restart it.": "Regardez le journal du système : un disque qui a des erreurs passe en lecture seule. Sinon, montez-le en écriture. Une unité de systemd ne peut écrire dans un dossier créé après son démarrage : redémarrez-la.",
    "Give this account the right to read and write there, or run as the account that owns it.": "Donnez à ce compte le "
    "droit d'y lire et d'y écrire, ou prenez le compte à qui il appartient.",
    "{location} does not answer: {reason}.": "{location} ne répond pas : {reason}.",
    "Look whether the disk or the network share is still connected, then run the same command again.": "Voyez si le "
    "disque ou le partage réseau est toujours là, puis relancez la même commande.",
    "{name} cannot be an object in {location}: a part of it is an object already.": "{name} ne peut être un objet dans "
    "{location} : une partie de ce nom est déjà un objet.",
    "The file system of {location} can make a file neither by a link nor by a rename that replaces nothing.": "Le "
    "système de fichiers de {location} ne sait créer un fichier ni par un lien ni par un renommage qui ne remplace rien.",
    "Put the vault on another file system, such as ext4, XFS or ZFS.": "Mettez le coffre sur un autre système de "
    "fichiers, comme ext4, XFS ou ZFS.",
    "{location} could not handle {name}: {reason}.": "{location} n'a pas pu traiter {name} : {reason}.",
    "Look at the system's log for faults of the disk, then run the same command again.": "Cherchez des fautes du disque "
    "dans le journal du système, puis relancez la même commande.",
    "{name} cannot be the name of an object.": "{name} ne peut être le nom d'un objet.",
    "Use letters, digits, '.', '_' and '-', in parts joined by '/'.": "Employez lettres, chiffres, « . », « _ » et "
    "« - », en parties jointes par « / ».",
    "{name} cannot be the start of an object's name.": "{name} ne peut être le début du nom d'un objet.",
    "A read cannot start at {start} and have {length} bytes.": "Une lecture ne peut commencer à {start} et compter "
    "{length} octets.",
    "Use numbers that are not negative.": "Employez des nombres qui ne sont pas négatifs.",
    "A vault has no address that starts with {scheme}://.": "Un coffre n'a pas d'adresse qui commence par {scheme}://.",
    "For a server that speaks S3 write s3://BUCKET/PREFIX?endpoint={scheme}://HOST.": "Pour un serveur qui parle S3, "
    "écrivez s3://BUCKET/PREFIXE?endpoint={scheme}://HÔTE.",
    "There is no kind of store called {scheme}://.": "Il n'y a pas de stockage nommé {scheme}://.",
    "Did you mean {near}://?": "Vouliez-vous dire {near}:// ?",
    "Use a path, s3://, gs:// or az://.": "Employez un chemin, s3://, gs:// ou az://.",
    "The address of the vault is empty.": "L'adresse du coffre est vide.",
    "Give a path, or s3://BUCKET/PREFIX.": "Donnez un chemin, ou s3://BUCKET/PREFIXE.",
    "{address} names another machine, {host}.": "{address} nomme une autre machine, {host}.",
    "Write file:///PATH with three slashes for a path on this machine.": "Écrivez file:///CHEMIN avec trois barres pour "
    "un chemin de cette machine.",
    "An address that starts with {scheme}: needs two slashes after it.": "Une adresse qui commence par {scheme}: demande "
    "ensuite deux barres.",
    "Write {scheme}://BUCKET/PREFIX, or ./ before the name of a directory that is called so.": "Écrivez "
    "{scheme}://BUCKET/PREFIXE, ou ./ devant le nom d'un dossier qui s'appelle ainsi.",
    "Stores over {scheme} are not available yet.": "Les stockages par {scheme} n'existent pas encore.",
    "Use a path (a mounted disk or share), s3://, gs:// or az://.": "Employez un chemin (disque ou partage monté), "
    "s3://, gs:// ou az://.",
    # room for the proof
    "{location} has no room for an object of {size}, which is how large the parts of a vault may become.": "{location} n'a "
    "pas de place pour un objet de {size}, la taille que peuvent atteindre les parties d'un coffre.",
    "It was tried, and nothing of that is left. Free {needed} there, then run the same command again.": "L'essai "
    "a été fait, et il n'en reste rien. Libérez-y {needed}, puis relancez la même commande.",
    "{location} did not list all that lies there: the list of {name} breaks off.": "{location} n'a pas listé tout ce qui s'y trouve : la liste de {name} s'interrompt.",
    "{location} shows nothing, and says of any name that it is there: what answers is no store.": "{location} ne montre rien, et dit de n'importe quel nom qu'il est là : ce qui répond n'est pas un stockage.",
    "Look whether something else answers in its place, such as a proxy or a page that asks for a login, then run the same command again.": "Regardez si autre chose répond à sa place, comme un proxy ou une page de connexion, puis relancez la même commande.",
    "{location} does not say when {name} was stored.": "{location} ne dit pas quand {name} a été stocké.",
    "A vault depends on that. Look what stands before the server, or choose another.": "Un coffre en dépend. Regardez ce qui se tient devant le serveur, ou choisissez-en un autre.",
    "The certificate of {location} is not trusted.": "Le certificat de {location} n'est pas reconnu.",
    "Install the certificate of its authority on this machine, or name its file in SSL_CERT_FILE.": "Installez le certificat de son autorité sur cette machine, ou nommez son fichier dans SSL_CERT_FILE.",
    "The token for {location} has expired, or belongs to another key.": "Le jeton pour {location} a expiré, ou appartient à une autre clé.",
    "Get a new one and give all three anew: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. For a key that does not expire unset AWS_SESSION_TOKEN.": "Obtenez-en un nouveau et redonnez les trois : AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Pour une clé qui n'expire pas, retirez AWS_SESSION_TOKEN.",
    "{location} knows no such access key.": "{location} ne connaît pas cette clé d'accès.",
    "Look at AWS_ACCESS_KEY_ID, and whether the key belongs to this provider and is still active.": "Regardez AWS_ACCESS_KEY_ID, et si la clé est bien de ce fournisseur et toujours active.",
    "The secret key does not fit the access key, says {location}.": "La clé secrète ne va pas avec la clé d'accès, dit {location}.",
    "Look at AWS_SECRET_ACCESS_KEY: all of it, nothing else. Else a proxy on the way changes requests.": "Regardez AWS_SECRET_ACCESS_KEY : en entier, et rien d'autre. Sinon un proxy modifie les requêtes en chemin.",
    "{location} sends requests elsewhere: {reason}": "{location} renvoie les requêtes ailleurs : {reason}",
    "Correct ?endpoint=… (https:// instead of http://?) or ?region=… in the address.": "Corrigez ?endpoint=… (https:// au lieu de http:// ?) ou ?region=… dans l'adresse.",
    "{location} has no such storage class as the address names.": "{location} n'a pas la classe de stockage que nomme l'adresse.",
    "Correct ?storage_class=… in the address, or leave it out.": "Corrigez ?storage_class=… dans l'adresse, ou retirez-le.",
    "{location} takes no object as large as {name}: {reason}": "{location} ne prend pas d'objet aussi grand que {name} : {reason}",
    "A vault needs 32 MiB and more. Raise the limit of the server or of the proxy before it.": "Un coffre demande 32 Mio et plus. Relevez la limite du serveur, ou du proxy devant lui.",
    "The proxy on the way to {location} wants a password.": "Le proxy sur le chemin de {location} demande un mot de passe.",
    "Write it into HTTP_PROXY or HTTPS_PROXY, or name the host in NO_PROXY.": "Écrivez-le dans HTTP_PROXY ou HTTPS_PROXY, ou nommez l'hôte dans NO_PROXY.",
    "The certificate of {location} is out of date, by this machine's clock.": "Le certificat de {location} est périmé, d'après l'horloge de cette machine.",
    "Renew the certificate there; look whether the clock is right here.": "Renouvelez le certificat là-bas ; regardez si l'horloge d'ici est à l'heure.",
    "The certificate of {location} is for another host.": "Le certificat de {location} est celui d'un autre hôte.",
    "Write the host into ?endpoint=… as the certificate names it.": "Écrivez l'hôte dans ?endpoint=… comme le certificat le nomme.",
    "Nothing can be listed in {location}, because of an object with a name that no vault has: {reason}": "Rien ne peut être listé dans {location}, à cause d'un objet dont aucun coffre n'a le nom : {reason}",
    "{location} gives whole objects where a part is asked for.": "{location} donne des objets entiers là où une partie est demandée.",
    "Look what stands before the server, such as a proxy with a cache, or choose another server.": "Regardez ce qui se tient devant le serveur, comme un proxy avec un cache, ou choisissez un autre serveur.",
    "{location} answers what is no answer of such a store: {reason}": "{location} répond ce qu'un tel stockage ne répond pas : {reason}",
    "{variable} has a space or a line end in it.": "{variable} contient une espace ou une fin de ligne.",
    "Set it to the key alone, or unset it.": "Donnez-lui la clé seule, ou retirez-la.",
    "{location} was asked for {name} and answers with a page of something else.": "On a demandé {name} à {location}, et il répond par une page d'autre chose.",
    "{location} says that {name} is there, and that it is not.": "{location} dit que {name} est là, et n'y est pas.",
    "Look whether something else answers in its place, such as a proxy, then run the same command again.": "Regardez si "
    "autre chose répond à sa place, comme un proxy, puis relancez la même commande.",
    "Nothing is mounted at {mount_point}, where /etc/fstab wants a disk; nothing was made at {location}.": "Rien n'est "
    "monté à {mount_point}, où /etc/fstab veut un disque ; rien n'a donc été créé à {location}.",
    "Mount it, then run the same command again. If no disk belongs there, take its line out of /etc/fstab.": "Montez-le, "
    "puis relancez la même commande. Si aucun disque ne va là, retirez sa ligne de /etc/fstab.",
}
