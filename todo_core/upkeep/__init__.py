"""What requests leave behind for the process: activity, announcements and purges."""
