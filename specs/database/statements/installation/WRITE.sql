-- Write the row that is there to be written.
--
-- Columns:
--   id smallint

UPDATE write_probe SET written_at=now() RETURNING write_probe.id
