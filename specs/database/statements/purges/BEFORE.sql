-- Read the moment that was `age` ago.
--
-- Parameters:
--   $1 age interval
--
-- Columns:
--   anon_1 timestamp with time zone

SELECT now() - $1::INTERVAL AS anon_1
