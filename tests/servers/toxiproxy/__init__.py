"""Toxiproxy: what is between the program and a server, and does to it what networks do."""
