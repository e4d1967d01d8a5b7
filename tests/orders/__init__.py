"""Customers and their orders, whose lines are embedded, and their admin."""
