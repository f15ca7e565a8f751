"""Settings that all tests share.

Property tests search anew on every run, so that a developer's machine goes on finding cases. In
CI the same commit must give the same result each time: there the cases are derived from the test
itself, and a slow machine fails none of them.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")
pytest_plugins = ["tests.kibana.server"]
