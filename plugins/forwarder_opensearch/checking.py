"""Whether an output with these settings would work; nothing is written."""

from collections.abc import Iterator

import opensearchpy

from forwarder import Finding
from forwarder_opensearch.connecting import connect
from forwarder_opensearch.output import explain
from forwarder_opensearch.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Look at each node."""
    for url in settings.urls():
        try:
            client = connect(settings.model_copy(update={"hosts": (url,)}))
        except (OSError, opensearchpy.OpenSearchException) as error:
            advice = "See the files that the settings about TLS name; they have to be PEM."
            yield Finding(good=False, text=f"{url}: {error}", advice=advice)
            continue
        try:
            yield _look(url, client)
        except RecursionError:  # of JSON in JSON without end, which the client does not foresee
            yield _is_none(url)
        finally:
            client.close()


def _look(url: str, client: opensearchpy.OpenSearch) -> Finding:
    try:
        answer = client.info()
    except opensearchpy.ConnectionError as error:
        text, _, advice = f"{url} {explain(error)}".partition("; ")
        return Finding(good=False, text=text, advice=f"{advice[:1].upper()}{advice[1:]}.")
    except opensearchpy.AuthenticationException:
        advice = "Give a valid username and password, or a client certificate."
        return Finding(good=False, text=f"{url} does not take the credentials", advice=advice)
    except opensearchpy.AuthorizationException:
        text = f"{url} takes the credentials; its version cannot be seen with them"
        return Finding(good=True, text=text)
    except opensearchpy.OpenSearchException as error:
        advice = "See how the server is, and whether hosts is right."
        return Finding(good=False, text=f"{url} answers {str(error)[:200]}", advice=advice)
    version = answer.get("version") if isinstance(answer, dict) else None
    version = version if isinstance(version, dict) else {}
    number = version.get("number")
    if not isinstance(number, str) or version.get("distribution") != "opensearch":
        return _is_none(url)
    text = f"{url} is OpenSearch {number}, and takes the credentials"
    return Finding(good=True, text=text)


def _is_none(url: str) -> Finding:
    advice = "See whether hosts is right; for Elasticsearch, say type: elasticsearch."
    return Finding(good=False, text=f"{url} is no OpenSearch", advice=advice)
