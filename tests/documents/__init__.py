"""An app whose models hold documents, for the tests."""
