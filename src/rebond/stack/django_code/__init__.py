"""The code of a Django project, read and never run: its settings, its models, and their columns that name files."""
