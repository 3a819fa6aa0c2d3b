"""How each kind of component is read, and how it is put back."""
