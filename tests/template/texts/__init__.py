"""The template on a store that holds nothing but text: no Python type as it is."""
