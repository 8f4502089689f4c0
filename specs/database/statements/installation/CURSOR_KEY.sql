-- Read the key that signs cursors.
--
-- Columns:
--   cursor_key bytea

SELECT installation.cursor_key FROM installation
