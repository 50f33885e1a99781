"""The SQL store: the only source of truth. Everything else can be rebuilt from it and the run files."""
