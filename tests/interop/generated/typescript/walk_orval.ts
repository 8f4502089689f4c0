import * as api from "./generated/api.js";
import * as zod from "./generated/zod.js";
import { NO_LIST, authorization, authorizationToPropose, firstField, waits, walk } from "./walk.js";

const options = { headers: authorization };
const asAgent = { headers: authorizationToPropose };

void walk({
  async titles(priority) {
    const { data, status } = await api.listTodos({ priority }, undefined, options);
    if (status !== 200) throw new Error(String(status));
    return zod.listTodosResponse.parse(data).items.map((todo) => todo.title);
  },
  async add(title, key) {
    const { data, status, headers } = await api.addTodo({ title }, { "idempotency-key": key }, options);
    if (status !== 201) throw new Error(String(status));
    return { data, etag: headers.get("ETag")! };
  },
  async rename(id, title, etag) {
    const { data, status } = await api.updateTodo(id, { title }, { "if-match": etag }, options);
    if (status === 200 || status === 202) return { data: zod.updateTodoResponse.parse(data) };
    return { code: data.error_code, current: String(data.current?.["title"]) };
  },
  async postpone(id, due) {
    const { data, status } = await api.updateTodo(id, { due }, undefined, options);
    if (status === 200 || status === 202) throw new Error("it is clear");
    return { code: data.error_code, field: firstField(data.errors) };
  },
  async complete(id) {
    const { data, status, headers } = await api.completeTodo(id, {}, undefined, options);
    if (status !== 200) throw new Error(String(status));
    return { data, change: headers.get("Change-Id")! };
  },
  async batch(title) {
    const { data, status } = await api.batchTodos({ action: "add", todos: [{ title }, { title, list_id: NO_LIST }] }, undefined, options);
    if (status !== 200) throw new Error(String(status));
    return data.results.map((result) => result.item?.title ?? result.error!.error_code);
  },
  async undo(change) {
    const { data, status } = await api.undoChange(change, undefined, options);
    if (status !== 200) throw new Error(String(status));
    zod.undoChangeResponse.parse(data);
    return data.results.map((row) => [row.entity, row.entity === "todo" ? row.item.title : ""]);
  },
  async propose(title, id) {
    const added = await api.addTodo({ title }, undefined, asAgent);
    if (added.status !== 202) throw new Error(String(added.status));
    const deleted = await api.deleteTodo(id, undefined, asAgent);
    return [added.data.title, waits(added.status, added.headers), waits(deleted.status, deleted.headers)];
  },
  async changes(since) {
    const { data, status } = await api.listChanges({ since }, undefined, options);
    if (status !== 200) throw new Error(String(status));
    zod.listChangesResponse.parse(data);
    return data.items.flatMap((change) =>
      change.entries.map((entry): [string, string] => [
        change.operation,
        entry.entity === "todo" ? String(entry.after?.title) : "",
      ]),
    );
  },
});
