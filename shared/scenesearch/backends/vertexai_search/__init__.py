"""Vertex AI Search (the Discovery Engine API) as the index of large collections."""
