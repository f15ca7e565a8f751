"""The configuration: reading it, its models, and what is wrong with it."""
