"""The gates of the catalogue: measured over every agent, told as a table, kept in docs/catalogue.md."""
