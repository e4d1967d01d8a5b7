"""The server's plans, as explain() shows them."""

from typing import Any


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
