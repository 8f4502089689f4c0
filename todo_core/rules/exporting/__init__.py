"""Write what a person has into a file of one format, a chunk of rows at a time."""
