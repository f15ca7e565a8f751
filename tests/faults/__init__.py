"""`esa-forwarder run` under faults, as a user runs it: real processes, files and signals.

An appliance writes its logs in the way that appliances do (`appliances`), the command follows them
and is stopped, killed and started again (`program`), and what is in the output at the end is
compared with the truth of the made-up logs (`tallies`). A `Scene` has these together.

    python -m tests.faults.kills     `make kill`: SIGKILL under load, 100 times
    python -m tests.faults.soak      `make soak`: ten minutes of a storm, with figures
    python -m tests.faults.syslog_soak    `make syslog-soak`: a fleet, and hostile senders
"""
