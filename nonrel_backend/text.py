"""SQL texts for people to read."""


def shown(sql: str, params) -> str:
    """SQL with its parameters written in."""
    return sql % tuple(
        f"'{value}'" if isinstance(value, str) else repr(value) for value in params
    )
