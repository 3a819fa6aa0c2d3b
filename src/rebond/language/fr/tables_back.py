"""French for single tables that come back in their place."""

TABLES_BACK: dict[str, str] = {
    "Of a database only this table, with --into or --in-place; may be repeated.": "D'une base, seulement cette table, avec --into ou --in-place ; peut être répété.",
    "Of a database only the tables of this schema, with --into or --in-place.": "D'une base, seulement les tables de ce schéma, avec --into ou --in-place.",
    # what goes together
    "Of which component is the table? In its place it comes back into one database.": "De quel composant est la table ? À sa place, elle revient dans une seule base.",
    "None of them is a PostgreSQL database.": "Aucun d'eux n'est une base PostgreSQL.",
    "{moment} lies in one log, and several components have one: {known}.": "{moment} se trouve dans un journal, et plusieurs composants en ont un : {known}.",
    "Name the one that is meant.": "Nommez celui dont il s'agit.",
    "In its place everything keeps its name.": "À sa place, tout garde son nom.",
    "Under another name a table or a database goes with --into: rebond restore SNAPSHOT COMPONENT --into TARGET --table TABLE --rename TABLE=NEW": "Sous un autre nom, une table ou une base va avec --into : rebond restore SAUVEGARDE COMPOSANT --into SERVEUR --table TABLE --rename TABLE=NOM",
    "The databases {databases} all have such a table; in its place one comes back into one of them.": "Les bases {databases} ont toutes une telle table ; à sa place, elle revient dans une seule.",
    "Load it beside: rebond restore SNAPSHOT {component} --into TARGET/DATABASE --table TABLE --rename TABLE=NEW": "Chargez-la à côté : rebond restore SAUVEGARDE {component} --into SERVEUR/BASE --table TABLE --rename TABLE=NOM",
    "There is no database in what was saved of {component}.": "Il n'y a pas de base dans ce qui a été sauvegardé de {component}.",
    "'rebond ls SNAPSHOT {component}' shows what it holds.": "« rebond ls SAUVEGARDE {component} » montre ce qu'il contient.",
    "Name tables: rebond restore SNAPSHOT {component} --in-place --table TABLE": "Nommez des tables : rebond restore SAUVEGARDE {component} --in-place --table TABLE",
    # before anything is done
    "{table} is no table with rows of its own any more.": "{table} n'est plus une table qui a ses propres lignes.",
    "Load the rows under another name, and take over what you need by SQL: rebond restore SNAPSHOT COMPONENT --into TARGET --table {table} --rename {table}={table}_restored": "Chargez les lignes sous un autre nom, et reprenez par SQL ce qu'il vous faut : rebond restore SAUVEGARDE COMPOSANT --into SERVEUR --table {table} --rename {table}={table}_restored",
    "{table} has other columns now than when it was saved: {now}; then: {then}.": "{table} a d'autres colonnes maintenant que quand elle a été sauvegardée : {now} ; alors : {then}.",
    "The schema {schema} of {table} is gone too.": "Le schéma {schema} de {table} a disparu aussi.",
    "Bring all of it back, nothing of it is there to be lost: rebond restore SNAPSHOT COMPONENT --into TARGET --schema {schema}": "Ramenez-le en entier, il n'y a rien de lui à perdre : rebond restore SAUVEGARDE COMPOSANT --into SERVEUR --schema {schema}",
    "{table} belongs to {owner}, and {user} may not exchange its rows, nor its keys.": "{table} appartient à {owner}, et {user} n'a pas le droit d'échanger ses lignes, ni ses clés.",
    'Name another user in the configuration, or let a superuser say: GRANT "{owner}" TO "{user}";': 'Nommez un autre utilisateur dans la configuration, ou faites dire à un superutilisateur : GRANT "{owner}" TO "{user}";',
    "{user} may make no schema in {database}, in which the rows would lie that are there now.": "{user} n'a pas le droit de créer un schéma dans {database}, où seraient gardées les lignes qui y sont maintenant.",
    'Let its owner or a superuser say there: GRANT CREATE ON DATABASE "{database}" TO "{user}";': 'Faites-y dire à son propriétaire ou à un superutilisateur : GRANT CREATE ON DATABASE "{database}" TO "{user}";',
    # while it is done
    "The views {views} went with their table, and do not come back with it.": "Les vues {views} ont disparu avec leur table, et ne reviennent pas avec elle.",
    "'rebond cat SNAPSHOT {file}' shows how each was made.": "« rebond cat SAUVEGARDE {file} » montre comment chacune était faite.",
    "The rows of {tables} do not fit those that other tables of {database} have now: {words}": "Les lignes de {tables} ne vont pas avec celles que d'autres tables de {database} ont maintenant : {words}",
    "Bring these back too, with --table for each. Or load them beside and take over what you need by SQL: rebond restore SNAPSHOT COMPONENT --into TARGET --table TABLE --rename TABLE=NEW": "Ramenez celles-là aussi, avec un --table pour chacune. Ou chargez les lignes à côté et reprenez par SQL ce qu'il vous faut : rebond restore SAUVEGARDE COMPOSANT --into SERVEUR --table TABLE --rename TABLE=NOM",
    "The tables {tables} of {database} are in use, and did not become free in {seconds} s.": "Les tables {tables} de {database} sont utilisées, et ne se sont pas libérées en {seconds} s.",
    "Stop what uses them (pg_stat_activity and pg_prepared_xacts name it), then run the same command again.": "Arrêtez ce qui les utilise (pg_stat_activity et pg_prepared_xacts le nomment), puis relancez la même commande.",
    "Rows that were written since point to what {tables} did not hold before: {words}": "Des lignes écrites depuis renvoient à ce que {tables} ne contenait pas avant : {words}",
    "Change or delete those rows, then run the same command again; or keep the new version: rebond restore --accept latest": "Changez ou supprimez ces lignes, puis relancez la même commande ; ou gardez la nouvelle version : rebond restore --accept latest",
}
