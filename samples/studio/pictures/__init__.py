"""One module a place; each paints a backdrop once and an action for every frame."""
