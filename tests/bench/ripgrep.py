"""The forms of `forwarder.mail_logs.grammar` as ripgrep reads them, to measure searching alone.

One expression a form, with its alternatives and fields, from the start of the line to its end. Rust
has no lookahead: a cut login line is therefore any login line, which counts the same lines.
"""

from collections.abc import Iterator

BEGIN = "^.{25}[A-Z][a-z]+: "
END = "$"

_AUTH = r"SMTP Auth:? \(ICID [0-9]{1,20}\) "

FORMS = {
    "beginning of an inbound connection": (
        r"New (?:SMTP|smtp) ICID [0-9]{1,20} [Ii]nterface [^ ]+(?: [^ ]+)*?(?: \([^ ()]+\))?"
        r" address [^ ()]+(?: .*)?"
    ),
    "policy of the host access table": (
        r"ICID [0-9]{1,20} (?:ACCEPT|RELAY|REJECT) SG \S+(?: match(?: .*?)?)?(?: SBRS .*?)?"
        r"(?: country .*| .*)?"
    ),
    "rejection that is put off": (
        r"ICID [0-9]{1,20} Delayed HAT REJECT continuing session for recipient logging"
        r" \([^ ()]+\)(?: .*)?"
    ),
    "TLS of a connection": (r"[ID]CID [0-9]{1,20} TLS (?:success|failed)(?:\W.*)?"),
    "beginning of an outbound connection": (
        r"New (?:SMTP|smtp) DCID [0-9]{1,20} [Ii]nterface (?:.*? )?address [^ ()]+(?: .*)?"
    ),
    "end of a connection": (
        r"[ID]CID [0-9]{1,20} (?:close|lost|disconnected|Connection (?:.* )?lost)(?:\W.*)?"
    ),
    "login of a client": (
        _AUTH + r"(?:succeeded|failed) for user: .* using AUTH mechanism: [^ ]+ with profile: .*"
    ),
    "login of a client whose end is missing": _AUTH + r"(?:succeeded|failed) for user:(?: .*)?",
    "login at a smart host": (
        r"DCID: [0-9]{1,20} IP: [^ ()]+ SMTP authentication using the profile .*?"
        r" (?:succeeded(?:\W.*)?|failed(?:: *.*)?)"
    ),
    "login that could not be checked: profile": (
        _AUTH + r"profile: .*? is misconfigured or missing causing an Auth failure\.?"
    ),
    "login that could not be checked: forwarding server": (
        _AUTH + r"could not reach forwarding server .*"
    ),
    "login that could not be checked: LDAP look-up": (
        _AUTH + r"LDAP query/user lookup failed for user: .*"
    ),
    "login that could not be checked: LDAP": (
        r"SMTP Auth:? LDAP query failed, possible LDAP misconfiguration or unreachable server\.?"
    ),
    "login that was required and not begun": (
        _AUTH + r"was required but remote host did not initiate it\.?"
    ),
    "connections to a forwarding server": (r"SMTP Auth:? forward server connection to .*"),
    "beginning of a message": r"Start MID [0-9]+ ICID [0-9]{1,20}(?: .*)?",
    "recipient of a message": r"MID [0-9]+ ICID [0-9]{1,20} RID [0-9]+ To: .*",
    "size of a message": r"MID [0-9]+ ready [0-9]{1,15} bytes from .*",
    "message that was given up": r"Message aborted MID [0-9]+(?: .*)?",
    "header of the file: release and serial number": r"Version: \S+ SN: \S+",
    "header of the file: offset of its times": r"Time offset from UTC: [-+]?[0-9]{1,5} seconds",
}
"""By the names of the grammar."""


def arguments(end: str = END) -> Iterator[str]:
    """Return the options that name the forms.

    Args:
        end: What stands at the end of each; with nothing, ripgrep need not read a line further
            than to where it knows.
    """
    for form in FORMS.values():
        yield from ("-e", BEGIN + form + end)
