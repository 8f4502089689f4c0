"""Work that the process does apart from requests: activity and purges."""
