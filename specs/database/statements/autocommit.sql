-- A read of a request is sent inside of this, in the place of `asked`, and needs no transaction around it.
--
-- `me` sets the user for row-level security until the statement ends, and refuses whoever may not act: $2 is the id of the
-- API token, if the caller has one. `OFFSET 0` keeps PostgreSQL from reading a row before.

WITH me AS MATERIALIZED (
    SELECT require_active(
        set_config('app.user_id', ($1::BIGINT)::text, true)::bigint, $2, $3, $4
    ) AS user_id
)
SELECT found.*
FROM me
CROSS JOIN LATERAL (SELECT * FROM (SELECT me.user_id AS user_id) AS asked OFFSET 0) AS found
