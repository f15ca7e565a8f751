"""What a configuration may say: reading its YAML, its models, and what is wrong with it."""
