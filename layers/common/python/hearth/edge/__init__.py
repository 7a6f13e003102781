"""Where bytes from outside become domain values, and answers become bytes again."""
