"""The server's plans, as explain() shows them."""

from typing import Any

from . import paging


def explained(query: Any) -> str:
    """Return the find() of a query, with the index that the server uses for it."""
    text, (low, high) = query.describe(), query.limits
    command: dict[str, Any] = {"find": query.table, "filter": query.filter}
    if query.sort:
        command["sort"] = dict(query.sort)
    if query.limits != (0, None):
        command["skip"] = low
    if high is not None:
        command["limit"] = high - low
        if paging.applies(query, high):
            text += f" up to the {query.sort[0][0]} of row {high}"
            if query.analyze:
                command["filter"] = paging.bounded(query, high) or {}
    # "executionStats" runs the plan that "queryPlanner" only chooses.
    verbosity = "executionStats" if query.analyze else "queryPlanner"
    found = query.connection.database.command("explain", command, verbosity=verbosity)
    if not query.analyze:
        return f"{text} [{index_of(found)}]"
    stats = found["executionStats"]
    return (
        f"{text} [{index_of(found)}, {stats['totalKeysExamined']} keys and "
        f"{stats['totalDocsExamined']} documents examined, {stats['nReturned']} "
        "returned]"
    )


def index_of(explained: dict[str, Any]) -> str:
    """Return the name of the index that the server's winning plan uses."""
    stages = [explained.get("queryPlanner", {}).get("winningPlan", {})]
    while stages:
        stage = stages.pop()
        if "indexName" in stage:
            return f"index {stage['indexName']}"
        if stage.get("stage") == "IDHACK":
            return "index _id_"
        stages += [each for each in stage.values() if isinstance(each, dict)]
        stages += stage.get("inputStages", ())
    return "no index"
