"""State: DynamoDB tables for what is hot, Postgres for what is relational."""
