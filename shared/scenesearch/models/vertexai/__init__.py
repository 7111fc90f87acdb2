"""Gemini on Vertex AI."""
