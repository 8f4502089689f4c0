import { createClient } from "./generated/client/index.js";
import { client } from "./generated/client.gen.js";
import * as api from "./generated/sdk.gen.js";
import { NO_LIST, authorization, authorizationToPropose, firstField, url, waits, walk } from "./walk.js";

client.setConfig({ baseUrl: url, headers: authorization });
const agent = createClient({ baseUrl: url, headers: authorizationToPropose });

void walk({
  async titles(priority) {
    const { data } = await api.listTodos({ query: { priority }, throwOnError: true });
    return data.items.map((todo) => todo.title);
  },
  async add(title, key) {
    const { data, response } = await api.addTodo({
      body: { title },
      headers: { "idempotency-key": key },
      throwOnError: true,
    });
    return { data, etag: response.headers.get("ETag")! };
  },
  async rename(id, title, etag) {
    const { data, error } = await api.updateTodo({ path: { todo_id: id }, headers: { "if-match": etag }, body: { title } });
    if (error) {
      return { code: error.error_code, current: String(error.current?.title) };
    }
    return { data: data! };
  },
  async postpone(id, due) {
    const { error } = await api.updateTodo({ path: { todo_id: id }, body: { due } });
    return { code: error!.error_code, field: firstField(error!.errors) };
  },
  async complete(id) {
    const { data, response } = await api.completeTodo({ path: { todo_id: id }, throwOnError: true });
    return { data, change: response.headers.get("Change-Id")! };
  },
  async batch(title) {
    const { data } = await api.batchTodos({ body: { action: "add", todos: [{ title }, { title, list_id: NO_LIST }] }, throwOnError: true });
    return data.results.map((result) => result.item?.title ?? result.error!.error_code);
  },
  async undo(change) {
    const { data } = await api.undoChange({ path: { change_id: change }, throwOnError: true });
    return data.results.map((row) => [row.entity, row.entity === "todo" ? row.item.title : ""]);
  },
  async propose(title, id) {
    const added = await api.addTodo({ client: agent, body: { title }, throwOnError: true });
    const deleted = await api.deleteTodo({ client: agent, path: { todo_id: id }, throwOnError: true });
    const [one, other] = [added.response, deleted.response];
    return [added.data.title, waits(one.status, one.headers), waits(other.status, other.headers)];
  },
  async changes(since) {
    const { data } = await api.listChanges({ query: { since }, throwOnError: true });
    return data.items.flatMap((change) =>
      change.entries.map((entry): [string, string] => [
        change.operation,
        entry.entity === "todo" ? String(entry.after?.title) : "",
      ]),
    );
  },
});
