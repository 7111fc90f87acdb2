"""Small constructs: each one idea, made of a few resources."""
