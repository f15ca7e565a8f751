"""The domain, pure: bytes of a mail log in, authentication events out."""
