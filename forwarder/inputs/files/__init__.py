"""Log files: found, recognised after a rotation, and followed."""
