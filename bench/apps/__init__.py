"""What ours is compared with, each a server of its own."""
