"""A real HTTP gateway on loopback that behaves like a carrier and counts what it was given (docs/simulator.md)."""
