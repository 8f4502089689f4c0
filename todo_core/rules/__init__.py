"""What todos, lists and tags do to each other; operations call these, and each other never."""
