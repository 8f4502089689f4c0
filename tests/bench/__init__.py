"""The benchmark: that what it says can be believed."""
