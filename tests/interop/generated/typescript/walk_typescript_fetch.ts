import { ChangesApi, Configuration, ProblemFromJSON, ResponseError, TodosApi } from "./generated/index.js";
import { NO_LIST, firstField, proposing, token, url, waits, walk, type Refusal } from "./walk.js";

const configuration = new Configuration({ basePath: url, accessToken: token });
const todos = new TodosApi(configuration);
const changes = new ChangesApi(configuration);
const agent = new TodosApi(new Configuration({ basePath: url, accessToken: proposing }));

async function refusal(error: unknown): Promise<Refusal> {
  if (!(error instanceof ResponseError)) throw error;
  const problem = ProblemFromJSON(await error.response.json());
  return { code: problem.errorCode, current: problem.current?.["title"], field: firstField(problem.errors) };
}

void walk({
  async titles(priority) {
    return (await todos.listTodos({ priority })).items.map((todo) => todo.title);
  },
  async add(title, key) {
    const answer = await todos.addTodoRaw({ newTodo: { title }, idempotencyKey: key });
    return { data: await answer.value(), etag: answer.raw.headers.get("ETag")! };
  },
  async rename(id, title, etag) {
    try {
      return { data: await todos.updateTodo({ todoId: id, todoPatch: { title }, ifMatch: etag }) };
    } catch (error) {
      return refusal(error);
    }
  },
  async postpone(id, due) {
    try {
      await todos.updateTodo({ todoId: id, todoPatch: { due } });
    } catch (error) {
      return refusal(error);
    }
    throw new Error("it is clear");
  },
  async complete(id) {
    const answer = await todos.completeTodoRaw({ todoId: id });
    return { data: await answer.value(), change: answer.raw.headers.get("Change-Id")! };
  },
  async batch(title) {
    const answer = await todos.batchTodos({ batchTodosRequest: { action: "add", todos: [{ title }, { title, listId: NO_LIST }] } });
    return answer.results.map((result) => result.item?.title ?? String(result.error?.errorCode));
  },
  async undo(change) {
    const answer = await changes.undoChange({ changeId: change });
    return answer.results.map((row) => [row.entity, row.entity === "todo" ? row.item.title : ""]);
  },
  async propose(title, id) {
    const added = await agent.addTodoRaw({ newTodo: { title } });
    const deleted = await agent.deleteTodoRaw({ todoId: id });
    const { title: told } = await added.value();
    return [told, waits(added.raw.status, added.raw.headers), waits(deleted.raw.status, deleted.raw.headers)];
  },
  async changes(since) {
    const answer = await changes.listChanges({ since });
    return answer.items.flatMap((change) =>
      change.entries.map((entry): [string, string] => [
        change.operation,
        entry.entity === "todo" ? String(entry.after?.title) : "",
      ]),
    );
  },
});
