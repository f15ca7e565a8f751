"""Connections for setting up: as those of the output, by somebody with more rights."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import urllib3
from forwarder_bulk.patience import is_over, make_pools
from forwarder_bulk.transport import find_fault, read_whole
from pydantic import ValidationError

from forwarder import ConfigError, SetupOptions, Unavailable
from forwarder_elasticsearch import tls
from forwarder_elasticsearch.settings import Settings


def with_credentials(settings: Settings, options: SetupOptions) -> Settings:
    """Let somebody else log in.

    Raises:
        ConfigError: The credentials cannot be used.
    """
    if options.api_key is not None and (options.user or options.password) is not None:
        raise ConfigError("either an API key sets up, or a user with a password.")
    if options.password is not None and options.user is None:
        raise ConfigError("a password for setting up needs a user (--user); name both, or none.")
    if options.api_key is None and options.user is None:
        return settings
    values: dict[str, Any] = {name: getattr(settings, name) for name in settings.model_fields_set}
    values |= {"api_key": options.api_key, "username": options.user, "password": options.password}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # pydantic puts two words before those of the settings.
        words = " ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])
        raise ConfigError(f"the credentials for setting up cannot be used: {words}.") from None


class Web:
    """A server that speaks HTTP and is trusted as the cluster is, such as its Kibana."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Take who it is.

        Args:
            url: Before every path.
            settings: With proxy, trust and credentials.

        Raises:
            Unavailable: A file of the settings cannot be used.
        """
        parts = urlsplit(url)
        timeout = urllib3.Timeout(
            connect=settings.connect_timeout.total_seconds(),
            read=settings.timeout.total_seconds(),
        )
        options: dict[str, Any] = {"timeout": timeout, "retries": False}
        if parts.scheme == "https":
            context = tls.make_context(settings, [(parts.hostname or "", parts.port or 443)])
            options["ssl_context"] = context
            if not context.check_hostname:
                options["assert_hostname"] = False
            if settings.verify == "none":
                # It would warn at each request; whoever configured that knows.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._url = url
        self._headers = _authorization(settings)
        self._pool: urllib3.PoolManager
        if settings.proxy is None:
            self._pool = urllib3.PoolManager(1, **options)
        else:
            proxy = urllib3.util.parse_url(settings.proxy.get_secret_value())
            headers = urllib3.make_headers(proxy_basic_auth=proxy.auth)
            plain = proxy._replace(auth=None).url
            self._pool = urllib3.ProxyManager(plain, 1, proxy_headers=headers, **options)
        self._pool.pool_classes_by_scheme = dict(make_pools(settings.timeout))

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Make one request.

        Returns:
            Status and body of the answer.

        Raises:
            Unavailable: It cannot be reached.
        """
        try:
            response = self._pool.request(
                method,
                self._url + path,
                body=body,
                headers=self._headers | headers,
                redirect=False,
                preload_content=False,
            )
            answer = read_whole(response)
        except urllib3.exceptions.HTTPError as error:
            if fault := find_fault(error):
                raise Unavailable(f"{self._url} {fault}.") from None
            if is_over(error):
                raise Unavailable(f"{self._url} does not answer in time; see how it is.") from None
            if isinstance(error, urllib3.exceptions.SSLError):
                raise Unavailable(f"{self._url} cannot be trusted: {tls.explain(error)}.") from None
            raise Unavailable(f"{self._url} cannot be reached: {error}.") from None
        return answer.status, answer.data

    def close(self) -> None:
        """Hang up."""
        self._pool.clear()


def _authorization(settings: Settings) -> dict[str, str]:
    if settings.api_key is not None:
        return {"authorization": f"ApiKey {settings.api_key.get_secret_value()}"}
    if settings.username is not None and settings.password is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value()}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}
