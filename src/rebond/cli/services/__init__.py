"""What processes that live long have in common: their log, the signals that end them."""
