"""Writes the ends of workflows' runs, when Step Functions tells of them and, every so often, where it did not."""
