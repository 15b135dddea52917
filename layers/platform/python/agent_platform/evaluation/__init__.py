"""Evaluations: the answers of agents to cases, held to what authors expect, and read by a judge where wanted."""
