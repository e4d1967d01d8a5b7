"""The core of stores that have rows by key and ordered index entries."""
