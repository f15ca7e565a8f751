"""What became of messages and connections at a socket, and what that means for an operator."""

from dataclasses import dataclass


@dataclass(slots=True)
class ListenerCounts:
    """What became of messages and connections since the socket was opened."""

    messages: int = 0
    bytes: int = 0
    cut: int = 0  # messages that were longer than allowed
    incomplete: int = 0  # messages whose connection ended before they did
    not_allowed: int = 0  # connections and datagrams of senders that may not send
    over_limit: int = 0  # connections beyond the limits
    idle: int = 0  # connections that were closed because nothing came
    tls_failed: int = 0  # connections on which TLS did not come about
    tls_error: str = ""  # the last of these
    dropped: int = 0  # datagrams that the system dropped
    connections: int = 0  # that are open
    buffer_bytes: int = 0  # that the system gives to the socket; 0 for streams


LISTENER_WARNINGS = {
    "dropped": "messages were dropped by the system, because its buffer was full; raise"
    " net.core.rmem_max, or use tcp://",
    "not_allowed": "connections or messages came from addresses that may not send; see allow",
    "over_limit": "connections were closed at once; see max_connections and"
    " max_connections_per_sender",
    "tls_failed": "connections failed at the start of TLS; see the last error",
    "incomplete": "messages were dropped, because their connection ended before they did",
    "cut": "messages were longer than max_message_bytes, and only their beginning was used",
    "idle": "connections were closed, because nothing came for idle_timeout",
}
"""What each count that is not 0 means for an operator."""
