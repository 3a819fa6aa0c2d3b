"""Archives that stock tools read: compressed streams, zip and tar files. They know neither sources nor vaults."""
