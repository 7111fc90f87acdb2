"""A found scene and its clip: what Gemini is shown, and what becomes of each kind of answer."""
