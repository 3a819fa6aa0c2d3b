"""Looking at a directory: what is there to protect. Reads files and asks the system; runs nothing of the project."""
