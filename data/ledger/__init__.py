"""The ledger: who may send what, what came of it, and whether it adds up (design.md §5).

Every function takes an open connection of the store's write engine and `now`, and may be repeated: the word of a
commit can be lost, and then the same request comes again.
"""
