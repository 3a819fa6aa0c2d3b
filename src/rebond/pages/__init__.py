"""Pages for people: a text of blocks, written as Markdown or as HTML, in the reader's language."""
