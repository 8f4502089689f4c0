-- Make todos whose ids were drawn by `IDS`.
--
-- `items`: a JSON array of objects with the columns of each as they are stored, its tags in `tag_ids`, and how many
-- subtasks it has by the same import that are outside the trash (`live_subtasks`), and open (`open_subtasks`). `now`: the
-- moment of the import. `zone`: the user's time zone.
-- Columns: the `id` of each, ascending, and `after`, its `TodoRead`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 items jsonb
--   $3 zone character varying
--   $4 now timestamp with time zone
--
-- Columns:
--   id bigint
--   after json

WITH
    items AS MATERIALIZED (
        SELECT
            item.id AS id,
            item.title AS title,
            item.description AS description,
            item.priority AS priority,
            item.list_id AS list_id,
            item.parent_id AS parent_id,
            item.follows_id AS follows_id,
            item.start AS start,
            item.due_date AS due_date,
            item.due_time AS due_time,
            item.due_at AS due_at,
            item.repeat AS repeat,
            item.place AS place,
            item.key AS key,
            item.source AS source,
            item.completed_at AS completed_at,
            item.deleted_at AS deleted_at,
            item.created_at AS created_at,
            item.note_count AS note_count,
            item.tag_ids AS tag_ids,
            item.open_subtasks AS open_subtasks,
            item.live_subtasks AS live_subtasks
        FROM jsonb_to_recordset($2::JSONB) AS item(
            id BIGINT,
            title TEXT,
            description TEXT,
            priority SMALLINT,
            list_id BIGINT,
            parent_id BIGINT,
            follows_id BIGINT,
            start DATE,
            due_date DATE,
            due_time TIME WITHOUT TIME ZONE,
            due_at TIMESTAMP WITH TIME ZONE,
            repeat JSONB,
            place BIGINT,
            key TEXT,
            source TEXT,
            completed_at TIMESTAMP WITH TIME ZONE,
            deleted_at TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE,
            note_count INTEGER,
            tag_ids BIGINT[],
            open_subtasks BIGINT,
            live_subtasks BIGINT
        )
    ),
    linked AS (
        INSERT INTO todo_tags (user_id, todo_id, tag_id)
        SELECT $1::BIGINT AS user_id, items.id AS id, unnest(items.tag_ids) AS tag_id
        FROM items
    ),
    added AS (
        INSERT INTO todos (
            user_id,
            language,
            updated_at,
            id,
            title,
            description,
            priority,
            list_id,
            parent_id,
            follows_id,
            start,
            due_date,
            due_time,
            due_at,
            repeat,
            place,
            key,
            source,
            completed_at,
            deleted_at,
            created_at,
            note_count
        )
        SELECT
            $1::BIGINT AS user_id,
            (
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            ) AS language,
            $4::TIMESTAMP WITH TIME ZONE AS updated_at,
            items.id AS id,
            items.title AS title,
            items.description AS description,
            items.priority AS priority,
            items.list_id AS list_id,
            items.parent_id AS parent_id,
            items.follows_id AS follows_id,
            items.start AS start,
            items.due_date AS due_date,
            items.due_time AS due_time,
            items.due_at AS due_at,
            items.repeat AS repeat,
            items.place AS place,
            items.key AS key,
            items.source AS source,
            items.completed_at AS completed_at,
            items.deleted_at AS deleted_at,
            items.created_at AS created_at,
            items.note_count AS note_count
        FROM items
        RETURNING
            todos.id,
            todos.user_id,
            todos.title,
            todos.description,
            todos.priority,
            todos.completed_at,
            todos.deleted_at,
            todos.created_at,
            todos.updated_at,
            todos.version,
            todos.list_id,
            todos.parent_id,
            todos.start,
            todos.due_date,
            todos.due_time,
            todos.due_at,
            todos.repeat,
            todos.follows_id,
            todos.language,
            todos.words,
            todos.title_key,
            todos.alike_key,
            todos.same_key,
            todos.place,
            todos.chosen_place,
            todos.key,
            todos.source,
            todos.note_count
    )
SELECT
    added.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                added.id AS id,
                added.title AS title,
                added.description AS description,
                (ARRAY['low','medium','high','urgent'])[added.priority] AS priority,
                added.list_id AS list_id,
                added.parent_id AS parent_id,
                CASE
                    WHEN (cardinality(items.tag_ids) > 0)
                    THEN to_json(
                        array(
                            (
                                SELECT tags.name
                                FROM tags
                                WHERE
                                    tags.user_id = $1::BIGINT
                                    AND tags.id = ANY (items.tag_ids)
                                    AND tags.deleted_at IS NULL
                                ORDER BY tags.name_key
                            )
                        )
                    )
                    ELSE '[]'::json
                END AS tags,
                added.start AS start,
                CASE
                    WHEN (added.due_at IS NOT NULL)
                    THEN (
                        SELECT row_to_json(shaped) AS row_to_json_2
                        FROM (
                            SELECT
                                CAST(
                                    coalesce(
                                        CAST(added.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                        timezone($3::VARCHAR, added.due_at)
                                    ) AS DATE
                                ) AS date,
                                CASE
                                    WHEN (added.due_date IS NULL)
                                    THEN to_char(timezone($3::VARCHAR, added.due_at), 'HH24:MI')
                                    WHEN (CAST(added.due_time AS TEXT) LIKE '__:__:00')
                                    THEN left(CAST(added.due_time AS TEXT), 5)
                                    ELSE CAST(added.due_time AS TEXT)
                                END AS time,
                                to_char(
                                    coalesce(
                                        CAST(added.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                        timezone($3::VARCHAR, added.due_at)
                                    ),
                                    'FMDay'
                                ) AS weekday,
                                $3::VARCHAR AS time_zone,
                                (to_json(timezone('UTC', added.due_at)) #>> '{}') || 'Z' AS at,
                                CASE
                                    WHEN (added.due_date IS NULL) THEN 'moment'
                                    WHEN (CAST(added.due_time AS TEXT) IS NULL) THEN 'day'
                                    ELSE 'time'
                                END AS kind
                        ) AS shaped
                    )
                END AS due,
                added.repeat AS repeat,
                added.completed_at IS NOT NULL AS is_completed,
                (to_json(timezone('UTC', added.completed_at)) #>> '{}') || 'Z' AS completed_at,
                (to_json(timezone('UTC', added.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', added.updated_at)) #>> '{}') || 'Z' AS updated_at,
                (to_json(timezone('UTC', added.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                items.live_subtasks AS all_subtasks,
                items.open_subtasks AS open_subtasks,
                items.live_subtasks - items.open_subtasks AS done_subtasks,
                added.key AS key,
                added.source AS source,
                added.note_count AS note_count,
                added.version AS version
        ) AS shaped
    ) AS after
FROM added
JOIN items ON added.id = items.id
ORDER BY added.id
