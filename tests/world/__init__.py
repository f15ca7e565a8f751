"""A made-up company whose users log in at two appliances: its days, and attacks on it."""
