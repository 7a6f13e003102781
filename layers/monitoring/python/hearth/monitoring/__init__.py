"""Keeps and compares what predictions wrote down."""
