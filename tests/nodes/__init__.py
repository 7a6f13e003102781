"""ONNX's own backend tests through Hearth: published, proven, served, asked, compared.

`python -m nodes [PATTERN]`, or `make nodes ONLY=PATTERN`.
"""
