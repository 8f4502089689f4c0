-- Read every live list in order: `rows`, a JSON array of `ListRead`, and `total`.
--
-- `archived`: `include` reads archived lists, too, `only` nothing else, `exclude` none of them.
--
-- Parameters:
--   $1 user_id bigint
--   $2 archived character varying
--
-- Columns:
--   rows json
--   total bigint

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        ranked.id AS id,
                        ranked.name AS name,
                        ranked.colour AS color,
                        ranked.place AS position,
                        ranked.is_inbox AS is_inbox,
                        (
                            SELECT count(*) AS count_1
                            FROM todos
                            WHERE
                                todos.user_id = $1::BIGINT
                                AND todos.list_id = ranked.id
                                AND todos.deleted_at IS NULL
                                AND todos.completed_at IS NULL
                        ) AS open_todos,
                        (
                            to_json(timezone('UTC', ranked.archived_at)) #>> '{}'
                        ) || 'Z' AS archived_at,
                        (to_json(timezone('UTC', ranked.created_at)) #>> '{}') || 'Z' AS created_at,
                        (to_json(timezone('UTC', ranked.updated_at)) #>> '{}') || 'Z' AS updated_at,
                        ranked.version AS version
                ) AS shaped
            )
            ORDER BY ranked.place
        ),
        '[]'::json
    ) AS rows,
    count(*) AS total
FROM (
    SELECT
        lists.id AS id,
        lists.user_id AS user_id,
        lists.name AS name,
        lists.name_key AS name_key,
        lists.deleted_at AS deleted_at,
        lists.created_at AS created_at,
        lists.updated_at AS updated_at,
        lists.version AS version,
        lists.colour AS colour,
        lists.position AS position,
        lists.is_inbox AS is_inbox,
        lists.archived_at AS archived_at,
        lists.chosen_position AS chosen_position,
        lists.made_by AS made_by,
        row_number() OVER (ORDER BY lists.position, lists.id) AS place
    FROM lists
    WHERE lists.user_id = $1::BIGINT AND lists.deleted_at IS NULL
) AS ranked
WHERE $2::VARCHAR = 'include' OR ($2::VARCHAR = 'only') = (ranked.archived_at IS NOT NULL)
