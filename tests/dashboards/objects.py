"""What all that Kibana stores of ours has: names, queries and references."""

from typing import Any

PREFIX = "cisco_esa-"
"""Begins the ids of all saved objects."""
VIEW = f"{PREFIX}logins"
INDEX = "logs-cisco_esa.auth-*"
Json = dict[str, Any]
References = list[dict[str, str]]


def to_view(name: str) -> dict[str, str]:
    """Refer to the data view."""
    return {"type": "index-pattern", "id": VIEW, "name": name}


def kql(query: str) -> Json:
    """Make a query."""
    return {"language": "kuery", "query": query}
