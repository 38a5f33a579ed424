"""A power cut: runs are recorded, and each state of the disk that it may leave is rebuilt."""
