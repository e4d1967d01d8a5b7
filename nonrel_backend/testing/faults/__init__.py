"""Fault runs: processes write to a store that is killed, stopped and cut off."""
