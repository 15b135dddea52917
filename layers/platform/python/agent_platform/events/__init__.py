"""Events: facts in the past tense, as CloudEvents, on their way from the outbox to whoever listens."""
