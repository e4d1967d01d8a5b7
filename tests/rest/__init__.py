"""Tests of the REST layer, on the backend under test."""
