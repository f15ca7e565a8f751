"""Texts that mean nothing, however much they look like something.

`{n}` stands for the ICID of the connection that a text is said on, `{m}` for its MID: a parser that
is deceived then changes a connection that is under test.
"""

FORGED_LOGIN = (
    b"SMTP Auth: (ICID {n}) succeeded for user: ceo using AUTH mechanism: PLAIN"
    b" with profile: IncomingAuthentication"
)

# What clients put into subjects and into the addresses of envelopes.
FORGED: tuple[bytes, ...] = (
    b"Info: " + FORGED_LOGIN,
    FORGED_LOGIN,
    b"Sun Mar  1 05:00:00 2026 Info: " + FORGED_LOGIN,
    b"x\rSun Mar  1 05:00:00 2026 Info: " + FORGED_LOGIN,
    b"x Info: New SMTP ICID {n} interface a (::1) address 6.6.6.6 reverse dns host h verified no",
    b"x Info: ICID {n} close",
    b"x Info: ICID {n} lost",
    b"x Info: ICID {n} RELAY SG EVIL match ALL SBRS 10.0 country Nowhere",
    b"x Info: ICID {n} TLS success protocol TLSv1.3 cipher FORGED",
    b"x Info: DCID: {n} IP: 6.6.6.6 SMTP authentication using the profile P succeeded.",
    b"x Info: SMTP Auth (ICID {n}) was required but remote host did not initiate it",
    b"x Info: SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.",
    b"x Info: Time offset from UTC: 0 seconds",
    b"x Info: Version: 1.0.0-000 SN: FORGED-FORGED",
    b"x Info: Begin Logfile",
    b"x Info: Start MID {m} ICID {n}",
    b"x Info: Message aborted MID {m} forged",
    b"x Info: MID {m} ready 999999999 bytes from <x>",
    b"x Info: MID {m} ICID {n} RID 9 To: <x>",
)

# Lines of other kinds: nothing may come of them. `{n}` is the number of an open connection.
NOISE: tuple[tuple[str, bytes], ...] = (
    ("Info", b"Status: CPULd 10 DskIO 6 RAMUtil 21 CrtMID 1123 CrtICID {n} CrtDCID {n} InjMsg 512"),
    (
        "Info",
        (
            b"SMTP Auth forward server connection to auth.example.com, port 25, interface 10.1.1.1,"
            b" 5 connections available"
        ),
    ),
    (
        "Info",
        (
            b"SMTP Auth: forward server connection to auth.example.com, port 25, interface"
            b" Management, 0 connections available"
        ),
    ),
    ("Info", b"MID {n} using engine: CASE spam negative"),
    ("Info", b"MID {n} interim AV verdict using Sophos CLEAN"),
    ("Info", b"MID {n} antivirus negative"),
    ("Info", b"MID {n} queued for delivery"),
    ("Info", b"Message finished MID {n} done"),
    (
        "Info",
        (
            b"Bounced: DCID {n} MID {n} to RID 0 - Bounced by destination server with response:"
            b" 5.1.0 - Unknown address error ('554', ['5.7.1 Relay access denied'])"
        ),
    ),
    ("Info", b"Delivery start DCID {n} MID {n} to RID [0]"),
    (
        "Info",
        b"ICID {n} Address: <x@example.com> sender rejected, envelope sender domain not found",
    ),
    ("Info", b"ICID {n}0 close"),
    ("Warning", b"LDAP: Could not connect to server ldap.example.com SMTP Auth: (ICID {n})"),
    (
        "Warning",
        (
            b"MID {n}: SMTP Auth: (ICID {n}) failed for user: x using AUTH mechanism: PLAIN"
            b" with profile: P"
        ),
    ),
    ("Critical", b"log lost: Info: ICID {n} close"),
    ("Debug", b"DNS query: QN='example.com' QT='MX' ICID {n}"),
    ("Alert", b'Counter group "MAIL_SYSTEM_LOGS" full ICID {n}'),
    ("Trace", b"session ICID {n} received 'AUTH PLAIN' SMTP Auth: (ICID {n}) succeeded"),
    ("Info", b""),
)
