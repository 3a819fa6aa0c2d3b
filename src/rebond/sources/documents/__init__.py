"""Small trees that are made up: documents that we write, beside streams that come once."""
