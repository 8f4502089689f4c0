import { ChangesApi, Configuration, ResponseError, TodosApi, type Problem } from "./generated/index.js";
import { firstField, token, url, walk } from "./walk.js";

const configuration = new Configuration({ basePath: url, accessToken: token });
const todos = new TodosApi(configuration);
const changes = new ChangesApi(configuration);

void walk({
  async titles(priority) {
    return (await todos.listTodos({ priority })).items.map((todo) => todo.title);
  },
  async add(title, key) {
    const answer = await todos.addTodoRaw({ todoCreate: { title }, idempotencyKey: key });
    return { data: await answer.value(), etag: answer.raw.headers.get("ETag")! };
  },
  async rename(id, title, etag) {
    try {
      return { data: await todos.updateTodo({ todoId: id, todoPatch: { title }, ifMatch: etag }) };
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      const problem = (await error.response.json()) as { error_code: string; current?: { title: string }; errors?: Problem["errors"] };
      return { code: problem.error_code, current: String(problem.current?.title), field: firstField(problem.errors) };
    }
  },
  async complete(id) {
    const answer = await todos.completeTodoRaw({ todoId: id });
    return { data: await answer.value(), change: answer.raw.headers.get("Change-Id")! };
  },
  async batch(title) {
    const answer = await todos.batchTodos({ batchTodosRequest: { action: "add", todos: [{ title }, { title: "" }] } });
    return answer.results.map((result) => result.item?.title ?? String(result.error?.errorCode));
  },
  async undo(change) {
    const answer = await changes.undoChange({ changeId: change });
    return answer.results.map((row) => [row.entity, row.entity === "todo" ? row.item.title : ""]);
  },
  async changes(since) {
    const answer = await changes.listChanges({ since });
    return answer.items.flatMap((change) =>
      change.entries.map((entry): [string, string] => [
        change.operation,
        entry.entity === "todo" ? String(entry.after.title) : "",
      ]),
    );
  },
});
