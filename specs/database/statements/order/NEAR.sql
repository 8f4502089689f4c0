-- Read the todos with `ids`, those in the trash too, and the siblings that are nearest to them.
--
-- Beside them those that are nearest to further spots: `list_ids` and `parent_ids`, one of which is null, and the places
-- (`at`), each an array. `count`: how many siblings in either direction of each. Of those that share the place of one of
-- the todos the one with the highest id is among them; of those at a further spot none. A row may come several times.
-- Reads `uq_todos_user_id_id`, `ix_todos_place` and `ix_todos_parent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--   $3 list_ids bigint[]
--   $4 parent_ids bigint[]
--   $5 at bigint[]
--   $6 count integer
--
-- Columns:
--   id bigint
--   list_id bigint
--   parent_id bigint
--   place bigint
--   chosen_place bigint
--   deleted_at timestamp with time zone

WITH spot AS (
    SELECT
        todos.list_id AS list_id,
        todos.parent_id AS parent_id,
        todos.place AS place,
        todos.id AS id
    FROM todos
    WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
    UNION ALL
    SELECT
        given.list_id AS list_id,
        given.parent_id AS parent_id,
        given.place AS place,
        NULL AS anon_1
    FROM unnest($3::BIGINT[], $4::BIGINT[], $5::BIGINT[]) AS given(list_id, parent_id, place)
)
SELECT todos.id, todos.list_id, todos.parent_id, todos.place, todos.chosen_place, todos.deleted_at
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
UNION ALL
SELECT
    nearest_sibling_before.id,
    nearest_sibling_before.list_id,
    nearest_sibling_before.parent_id,
    nearest_sibling_before.place,
    nearest_sibling_before.chosen_place,
    nearest_sibling_before.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        sibling_before.id AS id,
        sibling_before.list_id AS list_id,
        sibling_before.parent_id AS parent_id,
        sibling_before.place AS place,
        sibling_before.chosen_place AS chosen_place,
        sibling_before.deleted_at AS deleted_at
    FROM todos AS sibling_before
    WHERE
        sibling_before.user_id = $1::BIGINT
        AND spot.parent_id IS NULL
        AND sibling_before.parent_id IS NULL
        AND sibling_before.list_id = spot.list_id
        AND sibling_before.place < spot.place
    ORDER BY sibling_before.place DESC
    LIMIT $6::INTEGER
) AS nearest_sibling_before
    ON true
UNION ALL
SELECT
    nearest_sibling_after.id,
    nearest_sibling_after.list_id,
    nearest_sibling_after.parent_id,
    nearest_sibling_after.place,
    nearest_sibling_after.chosen_place,
    nearest_sibling_after.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        sibling_after.id AS id,
        sibling_after.list_id AS list_id,
        sibling_after.parent_id AS parent_id,
        sibling_after.place AS place,
        sibling_after.chosen_place AS chosen_place,
        sibling_after.deleted_at AS deleted_at
    FROM todos AS sibling_after
    WHERE
        sibling_after.user_id = $1::BIGINT
        AND spot.parent_id IS NULL
        AND sibling_after.parent_id IS NULL
        AND sibling_after.list_id = spot.list_id
        AND sibling_after.place > spot.place
    ORDER BY sibling_after.place ASC
    LIMIT $6::INTEGER
) AS nearest_sibling_after
    ON true
UNION ALL
SELECT
    nearest_sibling_same.id,
    nearest_sibling_same.list_id,
    nearest_sibling_same.parent_id,
    nearest_sibling_same.place,
    nearest_sibling_same.chosen_place,
    nearest_sibling_same.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        sibling_same.id AS id,
        sibling_same.list_id AS list_id,
        sibling_same.parent_id AS parent_id,
        sibling_same.place AS place,
        sibling_same.chosen_place AS chosen_place,
        sibling_same.deleted_at AS deleted_at
    FROM todos AS sibling_same
    WHERE
        sibling_same.user_id = $1::BIGINT
        AND spot.parent_id IS NULL
        AND sibling_same.parent_id IS NULL
        AND sibling_same.list_id = spot.list_id
        AND sibling_same.place = spot.place
        AND sibling_same.id != spot.id
    ORDER BY sibling_same.id + 0 DESC
    LIMIT 1
) AS nearest_sibling_same
    ON true
UNION ALL
SELECT
    nearest_subtask_before.id,
    nearest_subtask_before.list_id,
    nearest_subtask_before.parent_id,
    nearest_subtask_before.place,
    nearest_subtask_before.chosen_place,
    nearest_subtask_before.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        subtask_before.id AS id,
        subtask_before.list_id AS list_id,
        subtask_before.parent_id AS parent_id,
        subtask_before.place AS place,
        subtask_before.chosen_place AS chosen_place,
        subtask_before.deleted_at AS deleted_at
    FROM todos AS subtask_before
    WHERE
        subtask_before.user_id = $1::BIGINT
        AND subtask_before.parent_id = spot.parent_id
        AND subtask_before.place < spot.place
    ORDER BY subtask_before.place DESC
    LIMIT $6::INTEGER
) AS nearest_subtask_before
    ON true
UNION ALL
SELECT
    nearest_subtask_after.id,
    nearest_subtask_after.list_id,
    nearest_subtask_after.parent_id,
    nearest_subtask_after.place,
    nearest_subtask_after.chosen_place,
    nearest_subtask_after.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        subtask_after.id AS id,
        subtask_after.list_id AS list_id,
        subtask_after.parent_id AS parent_id,
        subtask_after.place AS place,
        subtask_after.chosen_place AS chosen_place,
        subtask_after.deleted_at AS deleted_at
    FROM todos AS subtask_after
    WHERE
        subtask_after.user_id = $1::BIGINT
        AND subtask_after.parent_id = spot.parent_id
        AND subtask_after.place > spot.place
    ORDER BY subtask_after.place ASC
    LIMIT $6::INTEGER
) AS nearest_subtask_after
    ON true
UNION ALL
SELECT
    nearest_subtask_same.id,
    nearest_subtask_same.list_id,
    nearest_subtask_same.parent_id,
    nearest_subtask_same.place,
    nearest_subtask_same.chosen_place,
    nearest_subtask_same.deleted_at
FROM spot
JOIN LATERAL (
    SELECT
        subtask_same.id AS id,
        subtask_same.list_id AS list_id,
        subtask_same.parent_id AS parent_id,
        subtask_same.place AS place,
        subtask_same.chosen_place AS chosen_place,
        subtask_same.deleted_at AS deleted_at
    FROM todos AS subtask_same
    WHERE
        subtask_same.user_id = $1::BIGINT
        AND subtask_same.parent_id = spot.parent_id
        AND subtask_same.place = spot.place
        AND subtask_same.id != spot.id
    ORDER BY subtask_same.id + 0 DESC
    LIMIT 1
) AS nearest_subtask_same
    ON true
