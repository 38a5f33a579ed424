"""What comes from someone who means harm, or from a disk that has gone bad."""
