"""A stand-in for the Discovery Engine API (Vertex AI Search): its own messages over a real gRPC socket, for the real client.

What it refuses, drops, delays and gives back follows the API's documentation; how it ranks by words is only plausible.
"""
