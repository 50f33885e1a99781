"""Prefect tasks: one effect each, with its retry policy and the names a person sees."""
