// The same todos by hand in Node: Fastify, a JWT on every request, pg, row-level security, schemas for what comes and goes.
// The statements are the floor's (bench/sql.py); they come as JSON: of each its text, and the names of its parameters.

import jwt from "@fastify/jwt";
import Fastify from "fastify";
import pg from "pg";

const { BENCH_URL, BENCH_POOL, BENCH_STATEMENTS, BENCH_SECRET, BENCH_ISSUER, BENCH_AUDIENCE, PORT } = process.env;
const statements = JSON.parse(BENCH_STATEMENTS);

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.DATE, (day) => day);
const pool = new pg.Pool({ connectionString: BENCH_URL, max: Number(BENCH_POOL), min: Number(BENCH_POOL) });

const nullable = (type) => ({ type: [type, "null"] });
const moment = { type: "string", format: "date-time" };
const todo = {
  type: "object",
  properties: {
    id: { type: "integer" },
    title: { type: "string" },
    description: nullable("string"),
    priority: { type: "string" },
    list_id: { type: "integer" },
    parent_id: nullable("integer"),
    tags: { type: "array", items: { type: "string" } },
    start: nullable("string"),
    due_date: nullable("string"),
    due_time: nullable("string"),
    due_at: { ...moment, nullable: true },
    repeat: { type: "object", nullable: true, additionalProperties: true },
    is_completed: { type: "boolean" },
    completed_at: { ...moment, nullable: true },
    created_at: moment,
    updated_at: moment,
    deleted_at: { ...moment, nullable: true },
    all_subtasks: { type: "integer" },
    open_subtasks: { type: "integer" },
    done_subtasks: { type: "integer" },
    key: nullable("string"),
    source: nullable("string"),
    note_count: { type: "integer" },
    version: { type: "integer" },
  },
};
const note = {
  type: "object",
  properties: {
    id: { type: "integer" },
    todo_id: { type: "integer" },
    text: { type: "string" },
    author: nullable("string"),
    created_at: moment,
  },
};
const detail = { ...todo, properties: { ...todo.properties, notes: { type: "array", items: note } } };
const page = {
  type: "object",
  properties: {
    items: { type: "array", items: todo },
    total: { type: "integer" },
    page_size: { type: "integer" },
  },
};
const newTodo = {
  type: "object",
  required: ["title"],
  additionalProperties: false,
  properties: {
    title: { type: "string", minLength: 1, maxLength: 200 },
    description: { type: "string", maxLength: 1000 },
    priority: { type: "integer", minimum: 1, maximum: 4, default: 2 },
  },
};
const id = { type: "object", properties: { id: { type: "integer" } } };

const app = Fastify();
await app.register(jwt, {
  secret: BENCH_SECRET,
  verify: { algorithms: ["HS256"], allowedIss: BENCH_ISSUER, allowedAud: BENCH_AUDIENCE },
});
app.addHook("onRequest", async (request) => {
  await request.jwtVerify();
});

/** Run a statement as the user of a request, who sees their own rows alone. */
async function rows(request, name, values = {}) {
  const [text, parameters] = statements[name];
  const user = Number(request.user.sub);
  const all = { ...values, user };
  const client = await pool.connect();
  try {
    await client.query("BEGIN; SET LOCAL ROLE todo_app");
    await client.query({ name: "me", text: "SELECT set_config('app.user_id', $1, true)", values: [String(user)] });
    const found = await client.query({ name, text, values: parameters.map((parameter) => all[parameter]) });
    await client.query("COMMIT");
    return found.rows.map(told);
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

/** Return a row with what is below it in words. */
function told({ subtasks: [live, open], ...row }) {
  return { ...row, all_subtasks: live, open_subtasks: open, done_subtasks: live - open };
}

function one(found, reply) {
  if (found.length === 0) {
    reply.code(404);
    return { detail: "not found" };
  }
  return found[0];
}

const listing = {
  querystring: { type: "object", properties: { limit: { type: "integer", minimum: 1, maximum: 200, default: 50 } } },
  response: { 200: page },
};
app.get("/api/v1/todos", { schema: listing }, async (request) => {
  const { limit } = request.query;
  const items = await rows(request, "list", { limit });
  return { items, total: items.length > 0 ? items[0].total : 0, page_size: limit };
});

app.get("/api/v1/todos/:id", { schema: { params: id, response: { 200: detail } } }, async (request, reply) =>
  one(await rows(request, "get", { id: request.params.id }), reply),
);

app.post("/api/v1/todos", { schema: { body: newTodo, response: { 201: todo } } }, async (request, reply) => {
  const { title, description = null, priority } = request.body;
  reply.code(201);
  return one(await rows(request, "add", { title, description, priority }), reply);
});

const completion = {
  type: "object",
  properties: { is_completed: { type: "boolean", default: true } },
  additionalProperties: false,
};
app.patch(
  "/api/v1/todos/:id/complete",
  { schema: { params: id, body: completion, response: { 200: todo } } },
  async (request, reply) =>
    one(await rows(request, "complete", { id: request.params.id, completed: request.body.is_completed }), reply),
);

await app.listen({ host: "127.0.0.1", port: Number(PORT) });
