-- Note that the person has reviewed what agents did up to the change `through`, and return up to where; never back.
--
-- Parameters:
--   $1 through bigint
--   $2 user_id bigint
--
-- Columns:
--   reviewed_through bigint

WITH moved AS (
    UPDATE users
    SET reviewed_through=greatest(users.reviewed_through, $1::BIGINT)
    WHERE users.id = $2::BIGINT
    RETURNING users.reviewed_through
)
SELECT moved.reviewed_through
FROM moved
