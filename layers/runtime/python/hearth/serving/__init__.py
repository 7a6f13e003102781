"""Runs models: the protocols' tensor path, open sessions, the predict flow and load-and-warm."""
