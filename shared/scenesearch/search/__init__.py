"""Search: from a question to scenes with their evidence."""
