"""Sends the letters of accounts: to reset a password, to confirm an address."""
