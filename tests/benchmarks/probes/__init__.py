"""What runs in a fresh interpreter, with nothing on its path but what a Lambda function has."""
