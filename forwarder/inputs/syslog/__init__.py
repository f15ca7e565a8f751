"""Syslog over sockets: the messages that appliances and relays send."""
