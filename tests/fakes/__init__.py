"""What tests run against: real servers in miniature, and fixtures that several test folders share."""
