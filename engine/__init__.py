"""What a run does, without Prefect: plan, send, collect, reconcile, close."""
