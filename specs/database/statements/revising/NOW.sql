-- Read the moment that the statements of one request share: it is after all earlier writes of the user.
--
-- Columns:
--   statement_timestamp_1 timestamp with time zone

SELECT statement_timestamp() AS statement_timestamp_1
