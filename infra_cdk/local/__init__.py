"""The platform on a laptop: what `make run` starts around the same CDK app that operations deploy to AWS."""
