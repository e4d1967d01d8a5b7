"""The limit of names."""

from ..kv.operations import KeyValueOperations
from ..kv.trees import NAME_SIZE


class DatabaseOperations(KeyValueOperations):
    def max_name_length(self) -> int:
        return NAME_SIZE // 4  # a character of UTF-8 has up to four bytes
