"""French for columns that name files and were found by themselves."""

FILE_FIELDS: dict[str, str] = {
    "{path} is named by {column} of {database}, and the component {component} does not hold it.": "{path} est nommé par {column} de {database}, et le composant {component} ne le contient pas.",
    'If it is gone from the application too, correct the row; if the column names no files, write not_files = ["{column}"] under {database}; else run the backup again.': "S'il manque aussi à l'application, corrigez la ligne ; si la colonne ne nomme pas de fichiers, écrivez not_files = [\"{column}\"] sous {database} ; sinon relancez la sauvegarde.",
    "{column} of {database} names files ({label}), and none of its {total} is in a component of this set.": "{column} de {database} nomme des fichiers ({label}), et aucun des {total} n'est dans un composant de cet ensemble.",
    "{column} of {database} seems to name files: {found} of its {total} are in {component}.": "{column} de {database} semble nommer des fichiers : {found} sur {total} sont dans {component}.",
    "Save them by a component of kind 'files'; or write not_files = [\"{column}\"] under {database}, if they are kept elsewhere.": 'Sauvegardez-les par un composant de nature « files » ; ou écrivez not_files = ["{column}"] sous {database}, s\'ils sont gardés ailleurs.',
    'If it does, write references = [{{ sql = …, component = "{component}" }}] under {database}; else not_files = ["{column}"].': 'Si oui, écrivez references = [{{ sql = …, component = "{component}" }}] sous {database} ; sinon not_files = ["{column}"].',
    "{count} files that {columns} of {database} name are in this set.": "{count} fichiers que nomment {columns} de {database} sont dans cet ensemble.",
    "Which files {component} names could not be asked: {reason}": "Il n'a pas pu être demandé quels fichiers {component} nomme : {reason}",
    "GRANT pg_read_all_data TO that user; or write file_fields = false under {component}.": "GRANT pg_read_all_data TO cet utilisateur ; ou écrivez file_fields = false sous {component}.",
    "Run the backup again; or write file_fields = false under {component}, and none is looked up.": "Relancez la sauvegarde ; ou écrivez file_fields = false sous {component}, et aucun n'est recherché.",
}
