"""What workflows need, part by part; `stacks/workflows.py` and `stacks/api.py` put the parts together."""
