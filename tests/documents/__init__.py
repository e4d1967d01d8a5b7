"""The test app with the models that have document fields."""
