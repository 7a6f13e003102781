"""The bundle's version. pyproject.toml reads it here: a Lambda has no package metadata."""

VERSION = "0.1.0"
