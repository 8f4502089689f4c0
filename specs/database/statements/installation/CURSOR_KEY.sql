-- Read the key that seals cursors.
--
-- Columns:
--   cursor_key bytea

SELECT installation.cursor_key FROM installation
