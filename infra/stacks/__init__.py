"""Two stacks, because they change at different speeds: what is kept, and what runs."""
