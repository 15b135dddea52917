"""Identity: who is asking (principal), how they prove it (passwords, tokens) and how that ends (revocations)."""
