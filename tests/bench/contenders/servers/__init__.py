"""Servers that people would use instead, each run in a virtual environment of its own.

Each opens the file that BENCH_FILE names and listens on the loopback port that BENCH_PORT names,
set up as its documentation shows it, with one process for the model.
"""
