"""Settings and logging: read by the outer rooms, handed inwards as plain arguments."""
