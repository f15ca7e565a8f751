"""Real servers for the tests, from Maven Central, in plain JVMs; no containers are needed.

Before them can be Toxiproxy, built with Go. Senders of syslog are rsyslog, as it is installed, and
syslog-ng, unpacked from Debian's packages.

``python -m tests.servers`` builds them all; a test that needs one builds it, too, if need be. What
is built is kept in ``$XDG_CACHE_HOME/esa-forwarder``.
"""
