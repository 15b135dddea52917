"""Finding agents: search by words, and routing of an ask to the agents that do it. Nothing here needs a network."""
