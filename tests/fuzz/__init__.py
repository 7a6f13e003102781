"""Requests that nobody would write, against the functions in process and over the local stack.

`make fuzz`, or `python -m fuzz --help`.
"""
