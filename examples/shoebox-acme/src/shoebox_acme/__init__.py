"""What ACME adds to shoebox."""
