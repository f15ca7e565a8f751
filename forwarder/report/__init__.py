"""What happened, of a folder of logs: logins are stored, examined by definitions, and shown."""
