-- Write 1.4 MB into a temporary file, which is gone afterwards: a full disk refuses it (after `SMALL_MEMORY`).
--
-- Columns:
--   rows bigint

SELECT count(*) AS rows FROM generate_series(1, 100000) AS anon_1
