"""How anything reaches the reader: words, tables, answers, progress, endings."""
