"""The network: one module per provider on a shared base, and the simulator."""
