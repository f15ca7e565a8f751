"""How fast the program is, measured against tools that people know: `make bench`.

CPU time, user and system, over that of the same command on an empty file: what start-up costs has
a row of its own. Commands take turns, so that a machine that is busy for a while is busy for both.
No figure is believed before the number of documents is that of the logins written.
"""
