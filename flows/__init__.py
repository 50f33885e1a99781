"""Recipes: the order of steps, and the deployments that Prefect runs them by."""
