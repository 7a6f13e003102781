"""What serves a model on Lambda: Hearth, and what people would write or take instead.

Each module makes Lambda handlers for one ONNX Runtime session: a call takes a payload-format-2.0
event and a context, and returns the response that API Gateway is given.
"""
