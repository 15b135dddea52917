"""API Gateway's REQUEST authorizer: from an access token to a principal."""
