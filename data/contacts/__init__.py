"""People with a number: who they are, which lists and tags they are in, and what became of each."""
