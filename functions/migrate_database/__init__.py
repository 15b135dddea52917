"""Brings the database to the tables, the agents and the first account that a deployment needs."""
