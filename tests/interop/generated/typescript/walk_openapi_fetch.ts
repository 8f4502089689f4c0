import createClient from "openapi-fetch";
import type { paths } from "./generated/schema.js";
import { NO_LIST, authorization, authorizationToPropose, firstField, url, waits, walk } from "./walk.js";

const api = createClient<paths>({ baseUrl: url, headers: authorization });
const agent = createClient<paths>({ baseUrl: url, headers: authorizationToPropose });

void walk({
  async titles(priority) {
    const { data } = await api.GET("/api/v1/todos", { params: { query: { priority } } });
    return data!.items.map((todo) => todo.title);
  },
  async add(title, key) {
    const { data, response } = await api.POST("/api/v1/todos", {
      params: { header: { "idempotency-key": key } },
      body: { title, priority: "medium", tags: [], if_similar: "add" },
    });
    return { data: data!, etag: response.headers.get("ETag")! };
  },
  async rename(id, title, etag) {
    const { data, error } = await api.PATCH("/api/v1/todos/{todo_id}", {
      params: { path: { todo_id: id }, header: { "if-match": etag } },
      body: { title },
    });
    if (error) {
      return { code: error.error_code, current: String(error.current?.title) };
    }
    return { data: data! };
  },
  async postpone(id, due) {
    const { error } = await api.PATCH("/api/v1/todos/{todo_id}", {
      params: { path: { todo_id: id } },
      body: { due },
    });
    return { code: error!.error_code, field: firstField(error!.errors) };
  },
  async complete(id) {
    const { data, response } = await api.PATCH("/api/v1/todos/{todo_id}/complete", {
      params: { path: { todo_id: id } },
    });
    return { data: data!, change: response.headers.get("Change-Id")! };
  },
  async batch(title) {
    const { data } = await api.POST("/api/v1/todos/batch", {
      body: { action: "add", if_similar: "add", todos: [{ title, priority: "medium", tags: [] }, { title, list_id: NO_LIST, priority: "medium", tags: [] }] },
    });
    return data!.results.map((result) => result.item?.title ?? result.error!.error_code);
  },
  async undo(change) {
    const { data } = await api.POST("/api/v1/changes/{change_id}/undo", { params: { path: { change_id: change } } });
    return data!.results.map((row) => [row.entity, row.entity === "todo" ? row.item.title : ""]);
  },
  async propose(title, id) {
    const added = await agent.POST("/api/v1/todos", { body: { title, priority: "medium", tags: [], if_similar: "add" } });
    const deleted = await agent.DELETE("/api/v1/todos/{todo_id}", { params: { path: { todo_id: id } } });
    const [one, other] = [added.response, deleted.response];
    return [added.data!.title, waits(one.status, one.headers), waits(other.status, other.headers)];
  },
  async changes(since) {
    const { data } = await api.GET("/api/v1/changes", { params: { query: { since } } });
    return data!.items.flatMap((change) =>
      change.entries.map((entry): [string, string] => [
        change.operation,
        entry.entity === "todo" ? String(entry.after?.title) : "",
      ]),
    );
  },
});
