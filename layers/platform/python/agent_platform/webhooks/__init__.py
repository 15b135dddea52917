"""Webhooks: subscriptions of users to events, and their signed delivery."""
