"""Where objects, messages, state and moments live."""
