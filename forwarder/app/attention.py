"""What of the status needs an operator, in words that say what to do.

Only what is so now, and ends when the operator acts or the other side recovers: what was lost long
ago is in the counts, and would keep a monitor red for ever. Texts come from servers and logs: what
shows them escapes them.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from forwarder.events import APPLIANCE_WARNINGS, GIVE_NAMES, describe_mixture
from forwarder.spool.cursors import Place
from forwarder.text import iso_time, many

_OLD = timedelta(minutes=1)  # of a document that waits for an output that delivers
_NEARLY_FULL = 0.9  # of the spool

_SEE_LETTERS = "see esa-forwarder dead-letters list; fix the cause, then run dead-letters replay"


class Finding(NamedTuple):
    """One thing that needs an operator."""

    subject: str  # what it is about, such as `output siem`
    what: str  # what is wrong, without a period
    advice: str = ""  # what to do, without a period
    critical: bool = False  # whether nothing is read, or an output gets nothing

    @property
    def sentence(self) -> str:
        """All of it, without a period."""
        return f"{self.subject}: {'; '.join(filter(None, (self.what, self.advice)))}"


def findings(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what needs attention."""
    since, reason = status["reading"]["paused_since"], status["reading"]["reason"]
    if since is not None:
        what = f"paused since {since}: {reason}"
        yield Finding(
            "reading", what, "logs wait on disk; those deleted meanwhile are lost", critical=True
        )
    used, limit = status["spool"]["bytes"], status["spool"]["max_bytes"]
    if limit is not None and used > limit * _NEARLY_FULL:
        yield Finding(
            "spool",
            f"{used / limit:.0%} full",
            "see which output does not deliver: at its limit, documents are dropped for it, or"
            " reading pauses (when_full)",
        )
    for name, output in status["outputs"].items():
        letters = status["dead_letters"].get(name, {"number": 0, "newest": ()})
        yield from _of_output(name, output, letters)
    if status["inputs"] is not None:
        yield from _of_inputs(status["inputs"])


def _of_output(
    name: str, output: Mapping[str, Any], letters: Mapping[str, Any]
) -> Iterator[Finding]:
    subject = f"output {name}"
    error, failing, rejecting = output["last_error"], output["failing_since"], output["rejecting"]
    oldest = timedelta(seconds=round(output["oldest_seconds"] or 0))
    if output["stopped"]:
        what = f"stopped since {failing}: {error}"
        yield Finding(
            subject, what, "fix the cause, then restart or reload the service", critical=True
        )
    elif failing is not None:
        what = f"failing since {failing}: {error}"
        yield Finding(
            subject, what, "its documents wait and are retried; fix the cause", critical=True
        )
    elif output["attempt_since"] is not None:
        what = f"a call has been running since {output['attempt_since']}"
        yield Finding(subject, what, "see whether its server or disk hangs", critical=True)
    elif oldest > _OLD:
        what = f"behind: its oldest document has waited for {oldest}"
        yield Finding(subject, what, "see why it is slower than the logs that are read")
    kept = letters["number"] - output["put_off"]
    if kept > 0:
        what = many(kept, "dead letter")
        if letters["newest"]:
            last = letters["newest"][0]
            what += f"; the last was rejected at {last['time']}: {last['reason']}"
        is_all = rejecting is not None and rejecting["number"] == rejecting["of"]
        yield Finding(subject, what, _SEE_LETTERS, is_all)
    if output["put_off"]:
        what = f"{many(output['put_off'], 'document')} postponed: {output['put_off_for']}"
        yield Finding(subject, what, "they are retried; fix the cause at the server")
    if output["dropped"] is not None:
        dropped = output["dropped"]
        first, last = (Place(**dropped[x]).words for x in ("first", "last"))
        rewind = f"esa-forwarder rewind --output {name}"
        yield Finding(
            subject,
            f"{many(dropped['documents'], 'document')} dropped because the spool was full, from"
            f" {first} to {last}",
            f"to bring them back: {rewind} PATH, for the log of each appliance with which they"
            f" begin; then, or to do without them: {rewind} --settle",
        )


def _of_inputs(inputs: Mapping[str, Any]) -> Iterator[Finding]:
    if inputs.get("has_logs") is False:
        what = "nothing matches the paths"
        yield Finding("inputs", what, "mount what is missing, or correct the paths", critical=True)
    behind_since = inputs.get("behind_since")
    if behind_since is not None:
        speed = sum(x["bytes_per_second"] for x in inputs["appliances"])
        yield Finding(
            "inputs",
            f"{many(inputs['behind_bytes'], 'byte')} are not read yet, since"
            f" {iso_time(behind_since)}, at {many(speed, 'byte')} a second",
            "wait if old logs were added; if not, see what keeps processor or disk busy",
        )
    for appliance in inputs.get("appliances", ()):
        if appliance["silent_since"] is not None:
            yield Finding(
                f"appliance {appliance['appliance']}",
                f"silent since {iso_time(appliance['silent_since'])}",
                "see whether it runs, and whether its logs still arrive",
            )
    for mixture in inputs.get("mixtures", ()):
        what, advice = describe_mixture(**mixture), GIVE_NAMES.rstrip(".")
        yield Finding(f"appliance {mixture['appliance']}", what, advice)
    for odd in inputs.get("appliance_warnings", ()):
        detail = f" ({odd['detail']})" if odd["detail"] else ""
        what = APPLIANCE_WARNINGS[odd["kind"]] + detail
        yield Finding(f"appliance {odd['appliance']}", what)
    if inputs.get("geoip_trouble"):
        what, advice = inputs["geoip_trouble"], "its old content is used; put a whole file there"
        yield Finding("GeoIP", what, advice)
    for problem in inputs.get("problems", ()):
        yield Finding("inputs", problem.rstrip("."))
