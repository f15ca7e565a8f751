"""What counts as suspicious, for ``report`` and for the detection rules, which use these limits.

A *stranger* is a source without a login that was accepted; where many sources are counted, one in a
network without such a login. So a phone that changes its address is none. An account is a user in
one form, as ``cisco_esa.auth.account`` has it.
"""

HOUR, DAY = 3_600, 86_400  # seconds

GUESSING_REFUSALS = 20  # in a day, of a public stranger
GUESSING_STRANGERS = 8  # in a day, refused as one account: guessing from many sources

SPRAYING_ACCOUNTS = 10
"""In a day, refused from one source; from many sources, in an hour. With fewer it is guessing."""
SPRAYING_SHARE = 2  # the source was accepted as fewer accounts than one in so many
SPRAYING_STRANGERS = 15  # in an hour: spraying from many sources

REFUSALS_BEFORE = 5
"""Of an account from a source, before its first login from there: a password may be guessed."""
DAYS_BEFORE = 7  # how far back that goes

WHILE_STRANGERS, WHILE_REFUSALS = 4, 8
"""In the day before an account logs in from a new network: it is being guessed."""

KNOWN_DAYS = 5  # for which an account is known before a network counts as new for it

MASS_RECIPIENTS = 200  # of an account in an hour
MASS_TIMES = 3  # and so many times as many as in its largest hour before

SMART_HOST_REFUSALS = 3  # in a day

READABLE = ("PLAIN", "LOGIN")  # mechanisms that send the password itself (RFC 4616)

PRIVATE = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
    *("fc00::/7", "fe80::/10", "::1/128"),
)
"""Networks that no stranger of the internet comes from."""

IPV4_BITS, IPV6_BITS = 16, 32
"""Of an address that make its network, where nothing else tells: about one provider's customers."""
