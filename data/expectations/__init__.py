"""The quality gate: a suite for contact files, judged by Great Expectations, and its results (docs/quality.md)."""
