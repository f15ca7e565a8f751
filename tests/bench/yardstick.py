"""What one writes in an afternoon: logins to JSON line by line, with `re` and `json`.

The yardstick for the storm: plain code without tricks, and without carelessness. It knows the forms
of line that the program knows, joins logins to their connections, counts what is sent after a
login, and prints a small document for each login and each end of a session.

    python yardstick.py mail.log > documents.ndjson
"""

import ipaddress
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

LINE = re.compile(r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) (\w+): (.*)")

CONNECTION = re.compile(
    r"New SMTP ICID (\d+) interface (.+?)(?: \((\S+)\))? address (\S+)"
    r"(?: reverse dns host (\S+) verified (\w+))?$",
    re.IGNORECASE,
)
DELIVERY = re.compile(
    r"New SMTP DCID (\d+) interface (.+?) address (\S+)(?: port (\d+))?$", re.IGNORECASE
)
POLICY = re.compile(
    r"ICID (\d+) (ACCEPT|RELAY|REJECT) SG (\S+)(?: match (.*?))?(?: SBRS (.*?))?"
    r"(?: country (.*))?$"
)
DELAYED = re.compile(r"ICID (\d+) Delayed HAT REJECT continuing session .* \((\S+)\)$")
TLS = re.compile(r"([ID]CID) (\d+) TLS (success|failed)(?: protocol (\S+) cipher (\S+))?")
LOGIN = re.compile(
    r"SMTP Auth:? \(ICID (\d+)\) (succeeded|failed) for user: (.*)"
    r" using AUTH mechanism: (\S+) with profile: (.*)$"
)
RELAY_LOGIN = re.compile(
    r"DCID: (\d+) IP: (\S+) SMTP authentication using the profile (.*?) (succeeded|failed)(.*)$"
)
ERRORS = [
    re.compile(r"SMTP Auth:? \(ICID (\d+)\) (profile: .* is misconfigured or missing.*)"),
    re.compile(r"SMTP Auth:? \(ICID (\d+)\) (could not reach forwarding server .*)"),
    re.compile(r"SMTP Auth:? \(ICID (\d+)\) (LDAP query/user lookup failed) for user: .*"),
    re.compile(r"SMTP Auth:? ()(LDAP query failed, possible LDAP misconfiguration.*)"),
    re.compile(r"SMTP Auth:? \(ICID (\d+)\) (was required but remote host did not initiate it)"),
]
CLOSE = re.compile(r"([ID]CID) (\d+) (close|lost)$")
MESSAGE = re.compile(r"Start MID (\d+) ICID (\d+)")
RECIPIENT = re.compile(r"MID (\d+) ICID (\d+) RID (\d+) To: ")
READY = re.compile(r"MID (\d+) ready (\d+) bytes from ")
ABORTED = re.compile(r"Message aborted MID (\d+)")
OFFSET = re.compile(r"Time offset from UTC: (-?\d+) seconds")


class Parser:
    """Reads the lines of one log, in order."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.inbound: dict[str, dict[str, Any]] = {}
        self.outbound: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, Any]] = {}

    def line(self, line: str) -> None:
        """Take the next line."""
        found = LINE.match(line)
        if found:
            self.message(*found.groups())

    # One form after the other, as one adds them.
    def message(self, stamp: str, level: str, text: str) -> None:  # noqa: C901, PLR0911, PLR0912, PLR0915
        """Try one form after the other."""
        if found := CONNECTION.match(text):
            number, listener, own, address, name, verified = found.groups()
            self.inbound[number] = {
                "listener": listener,
                "own": own,
                "address": address,
                "name": name,
                "verified": verified,
            }
            return
        if found := DELIVERY.match(text):
            number, own, address, port = found.groups()
            self.outbound[number] = {"own": own, "address": address, "port": port}
            return
        if found := POLICY.match(text):
            number, policy, group, match, score, country = found.groups()
            connection = self.inbound.setdefault(number, {})
            connection["policy"] = policy
            connection["group"] = group
            connection["match"] = match
            connection["score"] = score
            connection["country"] = country
            return
        if found := DELAYED.match(text):
            self.inbound.setdefault(found[1], {})["delayed"] = found[2]
            return
        if found := TLS.match(text):
            kind, number, result, protocol, cipher = found.groups()
            connections = self.inbound if kind == "ICID" else self.outbound
            connections.setdefault(number, {})["tls"] = (result, protocol, cipher)
            return
        if found := LOGIN.match(text):
            number, outcome, user, mechanism, profile = found.groups()
            connection = self.inbound.setdefault(number, {})
            result = "success" if outcome == "succeeded" else "failure"
            if result == "success":
                connection["user"] = user
                connection.setdefault("sent", {"messages": 0, "recipients": 0, "bytes": 0})
                connection.setdefault("mids", [])
            self.report(
                stamp,
                level,
                ("smtp-authentication", result, number),
                connection,
                {"user": {"name": user}, "mechanism": mechanism, "profile": profile},
            )
            return
        if found := RELAY_LOGIN.match(text):
            number, address, profile, outcome, answer = found.groups()
            result = "success" if outcome == "succeeded" else "failure"
            self.report(
                stamp,
                level,
                ("smtp-relay-authentication", result, number),
                self.outbound.get(number, {}) | {"address": address},
                {"profile": profile, "answer": answer},
            )
            return
        for form in ERRORS:
            if found := form.match(text):
                number, reason = found.groups()
                self.report(
                    stamp,
                    level,
                    ("smtp-authentication-error", "failure", number),
                    self.inbound.get(number, {}),
                    {"reason": reason},
                )
                return
        if found := CLOSE.match(text):
            kind, number, reason = found.groups()
            connections = self.inbound if kind == "ICID" else self.outbound
            ended = connections.pop(number, None)
            if ended is not None and "sent" in ended:
                for mid in ended["mids"]:
                    self.messages.pop(mid, None)
                self.report(
                    stamp,
                    level,
                    ("smtp-session-closed", "success", number),
                    ended,
                    {"user": {"name": ended["user"]}, "reason": reason, "sent": ended["sent"]},
                )
            return
        if found := MESSAGE.match(text):
            connection = self.inbound.get(found[2], {})
            if "sent" in connection:
                self.messages[found[1]] = connection
                connection["mids"].append(found[1])
                connection["sent"]["messages"] += 1
            return
        if found := RECIPIENT.match(text):
            if found[1] in self.messages:
                self.messages[found[1]]["sent"]["recipients"] += 1
            return
        if found := READY.match(text):
            if found[1] in self.messages:
                self.messages[found[1]]["sent"]["bytes"] += int(found[2])
            return
        if found := ABORTED.match(text):
            if found[1] in self.messages:
                self.messages.pop(found[1])["sent"]["messages"] -= 1
            return
        if found := OFFSET.match(text):
            self.offset = timedelta(seconds=int(found[1]))

    def report(
        self,
        stamp: str,
        level: str,
        event: tuple[str, str, str],
        connection: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        """Print a document."""
        local = datetime.strptime(stamp, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        action, outcome, number = event
        document = {
            "@timestamp": (local - self.offset).isoformat(),
            "event": {"action": action, "outcome": outcome},
            "log": {"level": level.lower()},
            "connection": number,
            **more,
        }
        if "address" in connection:
            try:
                document["source"] = {"ip": str(ipaddress.ip_address(connection["address"]))}
            except ValueError:
                document["source"] = {"address": connection["address"]}
        if "tls" in connection:
            document["tls"] = {"established": connection["tls"][0] == "success"}
        if "group" in connection:
            document["sender_group"] = connection["group"]
        print(json.dumps(document))  # noqa: T201


def main(path: str) -> None:
    """Print the documents of a log."""
    parser = Parser()
    with open(path, encoding="utf-8", errors="replace") as log:  # noqa: PTH123
        for line in log:
            parser.line(line)


if __name__ == "__main__":
    main(sys.argv[1])
