"""Container images: which ones an application runs, and those that no registry could give back."""
