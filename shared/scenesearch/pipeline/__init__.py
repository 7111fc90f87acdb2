"""The verbs of ingest, in order."""
