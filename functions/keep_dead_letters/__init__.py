"""Takes dead letters out of their queues, to where the API finds them."""
