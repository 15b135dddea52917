"""What keeps executions safe to repeat, within limits, and off an upstream that is down. State is shared by all."""
