"""Back up everybody's rows into one file, and restore them (`docs/decisions/0041-backup-and-restore.md`)."""


class BackupError(Exception):
    """No backup can be made, or none restored. The message says why, and what to do."""
