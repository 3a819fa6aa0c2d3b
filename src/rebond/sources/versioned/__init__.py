"""What lies in Git: nothing of it is saved, but a snapshot says which commit it was and where that can be had."""
