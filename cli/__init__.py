"""The `tidings` command: it talks to a person, and imports Prefect only through the flows it starts."""
