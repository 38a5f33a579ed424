"""A store that lies: services of S3 and of Swift that answer wrongly, lose, stall and refuse."""
