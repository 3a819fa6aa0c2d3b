"""French for PostgreSQL."""

POSTGRES: dict[str, str] = {
    # what its programs complain of
    "PostgreSQL at {server} does not accept the password for {database}: {words}": "PostgreSQL à {server} n'accepte pas le mot de passe pour {database} : {words}",
    "Check 'user' and 'password' of the component, and what they refer to.": "Vérifiez « user » et « password » du composant, et ce à quoi ils renvoient.",
    "The database {database} at {server} cannot be opened: {words}": "La base {database} à {server} ne peut être ouverte : {words}",
    "Check 'database'; psql -l lists those that are there.": "Vérifiez « database » ; psql -l donne la liste de celles qui existent.",
    "PostgreSQL at {server} does not let this user in: {words}": "PostgreSQL à {server} ne laisse pas entrer cet utilisateur : {words}",
    "Check 'user' and 'password', and the server's pg_hba.conf.": "Vérifiez « user » et « password », et le fichier pg_hba.conf du serveur.",
    "A right is missing to read all of {database}: {words}": "Il manque un droit pour lire tout {database} : {words}",
    "Let the user read everything: GRANT pg_read_all_data TO that user, or save as the owner.": "Laissez l'utilisateur tout lire : GRANT pg_read_all_data TO cet utilisateur, ou sauvegardez en tant que propriétaire.",
    "The session that held the moment of {database} was ended before all was read: {words}": "La session qui tenait l'instant de {database} a pris fin avant que tout soit lu : {words}",
    "See what ends sessions (pg_terminate_backend, a proxy, a restart); then run the backup again.": "Voyez ce qui met fin aux sessions (pg_terminate_backend, un proxy, un redémarrage) ; puis relancez la sauvegarde.",
    "A policy hides rows of {database} from this user: {words}": "Une règle (policy) cache des lignes de {database} à cet utilisateur : {words}",
    "Save as the tables' owner or a superuser, or ALTER ROLE that user BYPASSRLS.": "Sauvegardez en tant que propriétaire des tables ou superutilisateur, ou faites ALTER ROLE cet utilisateur BYPASSRLS.",
    "A table of {database} is locked by somebody else for too long: {words}": "Une table de {database} est verrouillée trop longtemps par quelqu'un d'autre : {words}",
    "See pg_locks and pg_stat_activity for who holds it; then run the backup again.": "Voyez dans pg_locks et pg_stat_activity qui la tient ; puis relancez la sauvegarde.",
    "PostgreSQL at {server} takes no connections: {words}": "PostgreSQL à {server} n'accepte pas de connexions : {words}",
    "See whether it runs, and whether 'host' and 'port' are right: pg_isready says so.": "Voyez s'il tourne, et si « host » et « port » sont justes : pg_isready le dit.",
    "The server of {component} has old versions of databases that restores set aside. They are not saved: {names}.": "Le serveur de {component} contient d'anciennes versions de bases que des restaurations ont mises de côté. Elles ne sont pas sauvegardées : {names}.",
    "When all is well, 'rebond restore --accept RUN' drops those of a restore in place, and DROP DATABASE the others. One that is to be saved is named under 'databases'.": "Quand tout va bien, « rebond restore --accept RUN » supprime celles d'une restauration en place, et DROP DATABASE les autres. Celle qui doit être sauvegardée se nomme sous « databases ».",
    # streams
    "The rows of {name} were cut: the mark at their end is missing.": "Les lignes de {name} ont été coupées : il manque la marque à leur fin.",
    "Run the backup again. If that happens often, see what ends the connection.": "Relancez la sauvegarde. Si cela arrive souvent, voyez ce qui met fin à la connexion.",
    "{name} is not whole: {count} rows came, and the server sent {expected}.": "{name} n'est pas entière : {count} lignes sont arrivées, et le serveur en a envoyé {expected}.",
    "Something between changes or loses them; run the backup again.": "Quelque chose entre les deux les modifie ou les perd ; relancez la sauvegarde.",
    "The answer of psql was cut: the mark at its end is missing.": "La réponse de psql a été coupée : il manque la marque à sa fin.",
    "psql wrote more than it was asked for.": "psql a écrit plus que demandé.",
    "Run the backup again; if that happens each time, try it without whatever stands between.": "Relancez la sauvegarde ; si cela arrive chaque fois, essayez sans ce qui se trouve entre les deux.",
    # programs and addresses
    "The programs of PostgreSQL (psql, pg_dump) are not installed there.": "Les programmes de PostgreSQL (psql, pg_dump) n'y sont pas installés.",
    "Install them: apt-get install postgresql-client; or name a container that has them with 'in'.": "Installez-les : apt-get install postgresql-client ; ou nommez avec « in » un conteneur qui les a.",
    "The server is PostgreSQL {server}, and pg_dump is of version {client}: an older one cannot save it.": "Le serveur est PostgreSQL {server}, et pg_dump est de la version {client} : un plus ancien ne peut le sauvegarder.",
    "Install a newer one: apt-get install postgresql-client-{server}.": "Installez-en un plus récent : apt-get install postgresql-client-{server}.",
    "The password of a database holds the end of a line.": "Le mot de passe d'une base contient une fin de ligne.",
    "Check 'password'.": "Vérifiez « password ».",
    "The component {component} does not say which database is meant.": "Le composant {component} ne dit pas de quelle base il s'agit.",
    'Add database = "NAME", or databases = ["*"] for all.': 'Ajoutez database = "NOM", ou databases = ["*"] pour toutes.',
    # findings
    "The roles of {database} are saved without their passwords: this user may not read them.": "Les rôles de {database} sont sauvegardés sans leurs mots de passe : cet utilisateur ne peut les lire.",
    "Keep the passwords among the secrets, or save as a superuser.": "Gardez les mots de passe parmi les secrets, ou sauvegardez en tant que superutilisateur.",
    "The roles and tablespaces of the server of {database} could not be saved: {reason}": "Les rôles et tablespaces du serveur de {database} n'ont pu être sauvegardés : {reason}",
    "Let the user read them, or save as a superuser.": "Laissez l'utilisateur les lire, ou sauvegardez en tant que superutilisateur.",
    "{server} is a standby, to which no rows of unlogged tables come. Of {database} these will come back empty: {tables}": "{server} est un serveur de secours, auquel n'arrive aucune ligne des tables non journalisées (UNLOGGED). De {database}, celles-ci reviendront vides : {tables}",
    "Save from the primary if their rows matter.": "Sauvegardez depuis le primaire si leurs lignes importent.",
    "The server of {component} has other databases, which no component saves: {names}.": "Le serveur de {component} a "
    "d'autres bases, qu'aucun composant ne sauvegarde : {names}.",
    'If they belong to the stack, write databases = ["*"], or a component for each.': "Si elles font partie de "
    'l\'application, écrivez databases = ["*"], ou un composant pour chacune.',
    # what is worked out again, and what a load does not find
    "{database} is loaded whole, but the server could not look at some tables, and plans queries of them badly: {tables}. It said: {reason}": "{database} est entièrement chargée, mais le serveur n'a pas pu examiner certaines tables, et planifie mal leurs requêtes : {tables}. Il a dit : {reason}",
    "Run this once it can: ANALYZE {first};": "Lancez ceci quand il le pourra : ANALYZE {first};",
    "All rows of {database} are loaded, but its materialized view {view} is empty and cannot be asked: {reason}": "Toutes les lignes de {database} sont chargées, mais sa vue matérialisée {view} est vide et ne peut être interrogée : {reason}",
    "Mend what it says, then run: REFRESH MATERIALIZED VIEW {view};": "Corrigez ce qui est dit, puis lancez : REFRESH MATERIALIZED VIEW {view};",
    "A function of {database} names something without its schema, which a load does not find: {words}": "Une fonction de {database} nomme quelque chose sans son schéma, ce qu'un chargement ne trouve pas : {words}",
    "pg_restore ends there too. Restore with --to DIR, write behind the CREATE FUNCTION in its pre-data.sql: ALTER FUNCTION … SET search_path = public; and load it with restore.sh, which lies beside. The same statement in the database that is saved mends the next snapshot.": "pg_restore s'arrête là aussi. Restaurez avec --to DIR, écrivez derrière le CREATE FUNCTION dans son pre-data.sql : ALTER FUNCTION … SET search_path = public; et chargez-le avec restore.sh, qui est à côté. La même instruction dans la base sauvegardée guérit la prochaine sauvegarde.",
}
