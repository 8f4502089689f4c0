"""Work that the process does apart from requests: activity, followers of changes, and purges."""
