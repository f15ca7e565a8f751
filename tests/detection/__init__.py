"""The detection rules: their table, what is made of it, and how many alerts they raise."""
