"""Work that the process does apart from requests: activity, announcements and purges."""
