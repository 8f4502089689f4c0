-- Set the fields of the user's profile that are in `given` to their values; the others keep theirs.
--
-- Values: `display_name`, `time_zone`, `locale`, `week_start`, `default_list_id`, `new_todos`. Columns: `ProfileRead`
-- before, and after or null if nothing changed.
--
-- Parameters:
--   $1 user_id bigint
--   $2 given text[]
--   $3 display_name character varying
--   $4 time_zone character varying
--   $5 locale character varying
--   $6 week_start character varying
--   $7 default_list_id bigint
--   $8 new_todos character varying
--
-- Columns:
--   id bigint
--   before json
--   after json

WITH
    stored AS (
        SELECT
            users.id AS id,
            users.issuer AS issuer,
            users.subject AS subject,
            users.role AS role,
            users.email AS email,
            users.display_name AS display_name,
            users.is_name_chosen AS is_name_chosen,
            users.time_zone AS time_zone,
            users.locale AS locale,
            users.week_start AS week_start,
            users.suspended_at AS suspended_at,
            users.created_at AS created_at,
            users.updated_at AS updated_at,
            users.version AS version,
            users.default_list_id AS default_list_id,
            users.reviewed_through AS reviewed_through,
            users.changes_deleted_through AS changes_deleted_through,
            users.role_until AS role_until,
            users.role_issued_at AS role_issued_at,
            users.new_todos AS new_todos
        FROM users
        WHERE users.id = $1::BIGINT
        FOR UPDATE
    ),
    revised AS (
        UPDATE users
        SET
            display_name=CASE
                WHEN ('display_name' = ANY ($2::TEXT[])) THEN $3::VARCHAR ELSE stored.display_name
            END,
            is_name_chosen=(stored.is_name_chosen OR 'display_name' = ANY ($2::TEXT[])),
            time_zone=CASE
                WHEN ('time_zone' = ANY ($2::TEXT[])) THEN $4::VARCHAR ELSE stored.time_zone
            END,
            locale=CASE WHEN ('locale' = ANY ($2::TEXT[])) THEN $5::VARCHAR ELSE stored.locale END,
            week_start=CASE
                WHEN ('week_start' = ANY ($2::TEXT[])) THEN $6::VARCHAR ELSE stored.week_start
            END,
            updated_at=statement_timestamp(),
            version=(stored.version + 1),
            default_list_id=CASE
                WHEN ('default_list_id' = ANY ($2::TEXT[])) THEN $7::BIGINT
                ELSE stored.default_list_id
            END,
            new_todos=CASE
                WHEN ('new_todos' = ANY ($2::TEXT[])) THEN $8::VARCHAR ELSE stored.new_todos
            END
        FROM stored
        WHERE
            users.id = stored.id
            AND (
                CASE
                    WHEN ('display_name' = ANY ($2::TEXT[])) THEN $3::VARCHAR
                    ELSE stored.display_name
                END,
                CASE
                    WHEN ('time_zone' = ANY ($2::TEXT[])) THEN $4::VARCHAR ELSE stored.time_zone
                END,
                CASE WHEN ('locale' = ANY ($2::TEXT[])) THEN $5::VARCHAR ELSE stored.locale END,
                CASE
                    WHEN ('week_start' = ANY ($2::TEXT[])) THEN $6::VARCHAR ELSE stored.week_start
                END,
                CASE
                    WHEN ('default_list_id' = ANY ($2::TEXT[])) THEN $7::BIGINT
                    ELSE stored.default_list_id
                END,
                CASE
                    WHEN ('new_todos' = ANY ($2::TEXT[])) THEN $8::VARCHAR ELSE stored.new_todos
                END
            ) IS DISTINCT FROM (
                stored.display_name,
                stored.time_zone,
                stored.locale,
                stored.week_start,
                stored.default_list_id,
                stored.new_todos
            )
        RETURNING
            users.id,
            users.issuer,
            users.subject,
            users.role,
            users.email,
            users.display_name,
            users.is_name_chosen,
            users.time_zone,
            users.locale,
            users.week_start,
            users.suspended_at,
            users.created_at,
            users.updated_at,
            users.version,
            users.default_list_id,
            users.reviewed_through,
            users.changes_deleted_through,
            users.role_until,
            users.role_issued_at,
            users.new_todos
    )
SELECT
    stored.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                stored.id AS id,
                stored.display_name AS display_name,
                stored.email AS email,
                CASE
                    WHEN (
                        stored.role = 'admin'
                        AND (
                            stored.role_until > now()
                            OR stored.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                        )
                    )
                    THEN 'admin'
                    ELSE 'user'
                END AS role,
                stored.time_zone AS time_zone,
                stored.locale AS locale,
                stored.week_start AS week_start,
                stored.default_list_id AS default_list_id,
                stored.new_todos AS new_todos,
                (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', stored.updated_at)) #>> '{}') || 'Z' AS updated_at,
                stored.version AS version
        ) AS shaped
    ) AS before,
    CASE
        WHEN (revised.id IS NOT NULL)
        THEN (
            SELECT row_to_json(shaped) AS row_to_json_2
            FROM (
                SELECT
                    revised.id AS id,
                    revised.display_name AS display_name,
                    revised.email AS email,
                    CASE
                        WHEN (
                            revised.role = 'admin'
                            AND (
                                revised.role_until > now()
                                OR revised.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                            )
                        )
                        THEN 'admin'
                        ELSE 'user'
                    END AS role,
                    revised.time_zone AS time_zone,
                    revised.locale AS locale,
                    revised.week_start AS week_start,
                    revised.default_list_id AS default_list_id,
                    revised.new_todos AS new_todos,
                    (to_json(timezone('UTC', revised.created_at)) #>> '{}') || 'Z' AS created_at,
                    (to_json(timezone('UTC', revised.updated_at)) #>> '{}') || 'Z' AS updated_at,
                    revised.version AS version
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN revised ON revised.id = stored.id
