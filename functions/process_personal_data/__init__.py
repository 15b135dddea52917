"""Exports and erases what belongs to a person."""
