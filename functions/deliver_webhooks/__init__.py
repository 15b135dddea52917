"""Tells webhooks of events: one message for each, one attempt for each message."""
