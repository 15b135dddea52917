"""Makes the Kafka topics of the platform."""
