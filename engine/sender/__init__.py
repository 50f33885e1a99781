"""The sender: take a batch, claim of it, submit, settle, give it back (design.md §5)."""
