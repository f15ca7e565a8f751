"""The settings, as in ``docs/configuration.md``; their docstrings are shown by editors.

Of an output, only the settings that every output has are here; the others are its plugin's.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from forwarder.config.types import (
    ANY_CASE,
    MAX_SIZE,
    Count,
    Duration,
    FilePattern,
    FolderPath,
    Host,
    HttpAddress,
    InvalidValue,
    Keyword,
    LabelName,
    ListenAddress,
    Namespace,
    Network,
    OneOrMore,
    OutputName,
    Size,
    Zone,
    between,
    format_duration,
    format_size,
)
from forwarder.ecs.filters import REPETITIONS, Filter, Rule
from forwarder.events import Action
from forwarder.inputs.syslog.framing import MAX_MESSAGE_BYTES
from forwarder.inputs.syslog.sockets import TlsSettings, Transport, read_address

APPLIANCE = "{appliance}"

_HOUR = timedelta(hours=1)
Silence = Annotated[Duration, between(timedelta(seconds=1), timedelta(days=7), format_duration)]
"""An appliance writes something every day."""
_Pause = Annotated[Duration, between(timedelta(milliseconds=10), _HOUR, format_duration)]
"""Shorter ones would keep a processor busy; longer ones would look like a halt."""


class Settings(BaseModel):
    """A group of settings; unknown ones are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class FilesSettings(Settings):
    """Log files that are read and followed."""

    type: Literal["files"]
    """Follows files."""
    paths: tuple[FilePattern, ...] = Field(min_length=1)
    """Files, or patterns; `{appliance}` stands for the appliance's name."""
    appliance: Keyword | None = None
    """The appliance that wrote all of these files, instead of `{appliance}`."""
    timezone: Zone | None = None
    """IANA time zone for logs that do not state their offset from UTC; without it, UTC."""
    start_at: Literal["beginning", "end"] = "beginning"
    """Where to start in files that exist at the first start."""
    ignore_older: Duration | None = None
    """Skip files that have not changed for this long."""
    follow_symlinks: bool = False
    """Whether to follow symbolic links after the first wildcard of a path, and files that are
    links; an account that uploads logs could point one at any file that the forwarder can read."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if self.appliance is not None and any(APPLIANCE in x for x in self.paths):
            raise InvalidValue(f"names the appliance twice; use appliance, or {APPLIANCE} in paths")
        return self


class StdinSettings(Settings):
    """Standard input, read to its end."""

    type: Literal["stdin"]
    """Reads standard input."""
    appliance: Keyword | None = None
    """Name of the appliance; without it, the host in the syslog header, or `unknown`."""
    timezone: Zone | None = None
    """IANA time zone for logs that do not state their offset from UTC; without it, UTC."""


class ServerTlsSettings(Settings):
    """Certificates of a listener with TLS; read again at a reload."""

    certificate: FolderPath
    """This host's certificate in PEM, followed by any intermediate certificates."""
    key: FolderPath
    """Its private key in PEM, without a password."""
    client_ca: FolderPath | None = None
    """CA certificates in PEM; senders must present a certificate signed by one of them. Without it,
    senders need no certificate."""
    min_version: Annotated[
        Literal["1.2", "1.3"],
        BeforeValidator(lambda x: str(x) if isinstance(x, float) else x),  # without quotes
    ] = "1.2"
    """Lowest TLS version."""


class SyslogSettings(Settings):
    """Messages that appliances and relays send over syslog."""

    type: Literal["syslog"]
    """Listens for syslog messages."""
    # A port that needs no privilege, on loopback: more has to be asked for.
    listen: ListenAddress = read_address("udp://127.0.0.1:5514")
    """Where to listen: `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:///PATH`
    (datagrams); `[::]` means all addresses of this host, including IPv4."""
    allow: tuple[Network, ...] = ()
    """Addresses and networks allowed to send; without it, all."""
    appliance: Keyword | None = None
    """Name of the appliance that sends; without it, the host in the header, or else the sender's
    address."""
    timezone: Zone | None = None
    """IANA time zone for timestamps without an offset from UTC; without it, UTC."""
    tags: tuple[Keyword, ...] = ()
    """Read only messages with these tags: names of log subscriptions, such as `mail_logs`."""
    tls: ServerTlsSettings | None = None
    """For `tls://`."""
    # A company has some dozens of appliances and relays, with one or two connections each.
    max_connections: Annotated[Count, between(1, 10_000)] = 256
    """Maximum number of connections; further ones are closed at once."""
    max_connections_per_sender: Annotated[Count, between(1, 10_000)] = 32
    """Maximum number of connections from one address, so that one sender cannot take them all."""
    # The longest line that is read of a file.
    max_message_bytes: Annotated[Size, between(480, MAX_MESSAGE_BYTES, format_size)] = (
        MAX_MESSAGE_BYTES
    )
    """Maximum size of a message; longer ones are truncated."""
    # Appliances are silent at night. A dead connection is found by the system's keep-alive.
    idle_timeout: Annotated[
        Duration, between(timedelta(seconds=1), 24 * _HOUR, format_duration)
    ] = 24 * _HOUR
    """Close a connection after this long without data."""

    @model_validator(mode="after")
    def _with_certificate(self) -> Self:
        is_tls = self.listen.transport is Transport.TLS
        if is_tls and self.tls is None:
            raise InvalidValue("listens with TLS and has no tls; add tls: with certificate and key")
        if not is_tls and self.tls is not None:
            raise InvalidValue("has tls and does not use it; write listen: tls://HOST:PORT")
        return self


InputSettings = Annotated[
    FilesSettings | StdinSettings | SyslogSettings, Field(discriminator="type")
]


class ApplianceSettings(Settings):
    """Settings for one appliance, whichever input its logs come through."""

    names: tuple[Host, ...] = ()
    """Other names of this appliance in syslog headers and folders; `*` matches any text."""
    addresses: tuple[Network, ...] = ()
    """Addresses and networks that it sends from, or that syslog headers name instead of it."""
    serial: Keyword | None = None
    """Its serial number, for logs that do not contain it."""
    timezone: Zone | None = None
    """IANA time zone for its timestamps without an offset from UTC, instead of the input's."""
    labels: dict[LabelName, Keyword] = {}
    """Fields below `labels` in its documents; they override those of `documents`."""
    namespace: Namespace | None = None
    """`data_stream.namespace` of its documents, instead of the one in `documents`."""
    silence: Silence | None = None
    """Warn when it sends nothing for this long, instead of the top level's `silence`."""


class BatchSettings(Settings):
    """How many documents are delivered at once; the first limit reached applies."""

    # Filebeat sends 1,600 in a request. An output splits a batch into several requests, and waits
    # for the last of them: with 10,000 that is a few percent of the time. The maximum limits a
    # batch in memory to some 200 MB.
    max_documents: Annotated[Count, between(1, 100_000)] = 10_000
    """Maximum number of documents in a batch."""
    # Logstash sends 20 MB at most. Elasticsearch accepts 100 MB (http.max_content_length). A single
    # document is below 1 MB: a line is truncated at 64 KiB, and is in it twice.
    max_bytes: Annotated[Size, between(1_000_000, 100_000_000, format_size)] = 20_000_000
    """Maximum size of the documents in a batch."""
    # Ten batches a second are no load for a server, and Logstash sends twenty; documents are
    # committed to the spool no more often. One alone does not wait.
    max_age: Annotated[Duration, between(timedelta(0), _HOUR, format_duration)] = timedelta(
        milliseconds=100
    )
    """How long after the previous batch a document waits for others."""


class RetrySettings(Settings):
    """Pauses between attempts to deliver; retries never end."""

    # Filebeat's and Vector's first pause, and Filebeat's longest: delivery resumes at most a minute
    # after the target is back.
    initial_pause: _Pause = timedelta(seconds=1)
    """Upper bound of the first pause; it doubles with each further one."""
    max_pause: _Pause = timedelta(minutes=1)
    """Upper bound of all pauses, whatever the server asks for."""


class ProfileSettings(Settings):
    """Which fields of each document an output gets."""

    profile: Literal["full", "lean"] | None = None
    """`full`: all fields; `lean`: without the fields below, which only repeat others. Without it,
    `lean` for `elasticsearch` and `opensearch`, `full` for all others."""
    client: bool | None = None
    """Whether documents have `client`, which repeats `source`; without it, the profile decides."""
    server: bool | None = None
    """The same for `server`, which repeats `destination`."""
    message: bool | None = None
    """The same for `message`, which is the end of `event.original`."""
    source_user: bool | None = None
    """The same for `source.user`, which repeats `user.name`."""
    user_id: bool | None = None
    """The same for `user.id`, which repeats `user.email`."""

    def resolve(self, usual: Literal["full", "lean"]) -> Self:
        """Return these settings with a value for each, where an output has a usual profile."""
        profile = self.profile or usual
        values = {"profile": profile, **dict.fromkeys(REPETITIONS, profile == "full")}
        return self.model_copy(update=values | self.model_dump(exclude_none=True))

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the profile and the settings leave out."""
        return tuple(x for x in REPETITIONS if not getattr(self, x))


class RuleSettings(Settings):
    """Conditions on a document, all of which must hold."""

    user: OneOrMore[Annotated[Keyword, ANY_CASE]] | None = None
    """Accounts, such as `anna`, in whatever form clients write them; or exact user names, such as
    `anna@example.com`. Case does not matter."""
    source: OneOrMore[Network] | None = None
    """Addresses and networks that contain `source.ip`."""
    action: OneOrMore[Action] | None = None
    """Values of `event.action`."""
    outcome: OneOrMore[Literal["success", "failure"]] | None = None
    """Values of `event.outcome`."""
    appliance: OneOrMore[Annotated[Host, ANY_CASE]] | None = None
    """Names of appliances, as in documents. Case does not matter."""

    @model_validator(mode="after")
    def _with_condition(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise InvalidValue(f"has no condition; use one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def rule(self) -> Rule:
        """The conditions, as documents are compared with them."""
        action = None if self.action is None else [x.value for x in self.action]
        return Rule(self.user, self.source, action, self.outcome, self.appliance)


class FilterSettings(Settings):
    """Rules that keep or drop documents."""

    keep: tuple[RuleSettings, ...] = ()
    """Documents that match none of these rules are dropped; without rules, all are kept."""
    drop: tuple[RuleSettings, ...] = ()
    """Documents that match one of these rules are dropped, even if they match `keep`."""

    @property
    def rules(self) -> Filter | None:
        """The rules; None where every document passes."""
        found = Filter(tuple(x.rule for x in self.keep), tuple(x.rule for x in self.drop))
        return found if any(found) else None


class OutputSettings(Settings):
    """Settings that every output has."""

    model_config = ConfigDict(extra="ignore")  # the plugin's model refuses unknown ones

    type: str
    """Output type; `esa-forwarder plugins` lists those installed."""
    batch: BatchSettings = BatchSettings()
    """How many documents are delivered at once."""
    retry: RetrySettings = RetrySettings()
    """Pauses between attempts to deliver."""
    documents: ProfileSettings = ProfileSettings()
    """Which fields of each document the output gets."""
    filter: FilterSettings = FilterSettings()
    """Which documents the output gets."""
    # Vector and Filebeat block, Fluent Bit drops the oldest. With several outputs, blocking lets
    # one that is down stop all; and the logs, to read documents from again, are still there.
    when_full: Literal["drop_oldest", "block"] = "drop_oldest"
    """What happens when the spool is full because this output is stalled while others deliver: drop
    its oldest documents, or pause reading for all outputs."""


class DocumentSettings(Settings):
    """What documents contain."""

    session_events: bool = True
    """Whether the end of each session becomes a document."""
    original: bool = True
    """Whether documents have the log line in `event.original`."""
    namespace: Namespace = "default"
    """`data_stream.namespace`: the last part of the data stream's name."""
    agent_name: Keyword | None = None
    """`agent.name`, to tell forwarders apart."""
    tags: tuple[Keyword, ...] = ()
    """Additional `tags`, after `forwarded`."""
    labels: dict[LabelName, Keyword] = {}
    """Fields of your own below `labels`."""
    filter: FilterSettings = FilterSettings()
    """Which documents are created at all."""
    geoip: OneOrMore[FolderPath] | None = None
    """Databases in MaxMind format that provide `source.geo` and `source.as`."""


class SpoolSettings(Settings):
    """Documents waiting for outputs."""

    # 1 GB holds about 10 million logins: days of an output that is down. With less than 10 MB,
    # reading would pause again and again.
    max_bytes: Annotated[Size, between(10_000_000, MAX_SIZE, format_size)] = 1_000_000_000
    """Maximum size of the waiting documents on disk. At the limit, reading pauses until documents
    are delivered."""


class DeadLetterSettings(Settings):
    """Documents that outputs rejected."""

    # For each output, so that none takes the space of another; besides the spool's, so that
    # rejections do not pause reading. Some 350,000 documents: time enough to notice an error in a
    # mapping before its output waits.
    max_bytes: Annotated[Size, between(1_000_000, MAX_SIZE, format_size)] = 250_000_000
    """Maximum size on disk per output. At the limit, that output pauses; the others continue."""


class LogSettings(Settings):
    """The forwarder's own log, on standard error."""

    format: Literal["logfmt", "json"] = "logfmt"
    """`logfmt` is `key=value`; `json` is one object per line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""


class HttpSettings(Settings):
    """Metrics, health and the status page, over HTTP."""

    listen: HttpAddress
    """Where to listen: a port, reachable from this host only, or `HOST:PORT`; `[::]` means all
    addresses of this host."""
    # Guesses are not counted, so it must be too long for them.
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What clients must send as a bearer token, or browsers as the password of any user; at least
    16 characters. Without it, anyone who can connect can read."""
    tls: ServerTlsSettings | None = None
    """For HTTPS."""

    @property
    def tls_files(self) -> TlsSettings | None:
        """The certificates, as a listener takes them."""
        return None if self.tls is None else TlsSettings(**self.tls.model_dump())

    @property
    def place(self) -> str:
        """Where it listens, for people."""
        return self.listen.url.removeprefix("tcp://")

    @property
    def is_open(self) -> bool:
        """Whether all other hosts that reach the address may read."""
        host = self.listen.host
        is_own = host.startswith("127.") or host in {"::1", "localhost"}
        return self.token is None and not is_own


class TopSettings(Settings):
    """The configuration of esa-forwarder."""

    state: FolderPath = Path("/var/lib/esa-forwarder")
    """Folder for the spool: read positions, waiting documents, dead letters."""
    inputs: tuple[InputSettings, ...] = Field(min_length=1)
    """What to read."""
    appliances: dict[Host, ApplianceSettings] = {}
    """Appliances, by the name used in documents."""
    known_appliances_only: bool = False
    """Whether to refuse syslog messages from senders not listed in `appliances`."""
    outputs: dict[OutputName, OutputSettings] = Field(min_length=1)
    """Where to send documents, by a name that you choose for each output."""
    # Without it: an appliance may have no login all night, and one that is at rest is no fault.
    silence: Silence | None = None
    """Warn when an appliance that has sent logs before sends none for this long."""
    documents: DocumentSettings = DocumentSettings()
    """What documents contain."""
    spool: SpoolSettings = SpoolSettings()
    """Documents waiting for outputs."""
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    """Documents that outputs rejected."""
    log: LogSettings = LogSettings()
    """The forwarder's own log."""
    http: HttpSettings | None = None
    """Metrics, health and the status page, over HTTP; without it, nothing is served."""
