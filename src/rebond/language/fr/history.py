"""French for streams, the ledger and logs."""

HISTORY: dict[str, str] = {
    # vault/stream_items.py, vault/streams.py
    "The stream item {name} is of another domain than its name says.": "L'élément de flux {name} est d'un autre domaine que ne le dit son nom.",
    "The stream item {name} is too short.": "L'élément de flux {name} est trop court.",
    "The parts of the stream item {name} do not add up.": "Les parties de l'élément de flux {name} ne correspondent pas.",
    "The content of the stream item {name} is not that of a stream item.": "Le contenu de l'élément de flux {name} n'est pas celui d'un élément de flux.",
    "The stream item {name} holds another item: it was renamed.": "L'élément de flux {name} en contient un autre : il a été renommé.",
    "The content of a stream item is not what its record says.": "Le contenu d'un élément de flux n'est pas ce que dit son enregistrement.",
    "The name of a stream or an item is empty or longer than {limit} bytes.": "Le nom d'un flux ou d'un élément est vide ou dépasse {limit} octets.",
    "An item of {size} bytes is larger than the format allows.": "Un élément de {size} octets est plus grand que le format ne le permet.",
    "The stream {stream} has an item {item} already, with another content; it stays as it is.": "Le flux {stream} a déjà un élément {item}, d'un autre contenu ; il reste tel quel.",
    "Two machines may share one key, or an earlier one was restored: find out which before you go on.": "Deux machines partagent peut-être une clé, ou une ancienne a été restaurée : trouvez laquelle avant de continuer.",
    "The stream item {name} cannot be read: {reason}": "L'élément de flux {name} ne peut être lu : {reason}",
    "Run 'rebond verify'. What it held is lost unless a replica or a copy has it.": "Lancez « rebond verify ». Ce qu'il contenait est perdu, sauf si une réplique ou une copie l'a.",
}
