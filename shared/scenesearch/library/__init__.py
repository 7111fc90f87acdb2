"""The verbs of keeping videos: what people see of them and take away."""
