"""The contenders as functions: modules that `awslambdaric` imports in a fresh process.

Each reads where its model is from the environment and answers in TensorFlow Serving's form.
"""
