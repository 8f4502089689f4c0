// What an application does with the API, once for all generated clients: each `walk_*.ts` says how its client does it.

export type Todo = { id: number; title: string; is_completed?: boolean; isCompleted?: boolean };
export type Answer<T> = { data: T; etag?: string; change?: string };

export interface Client {
  /** Titles of the open todos with these priorities. */
  titles(priorities: ("medium" | "high")[]): Promise<string[]>;
  add(title: string, key: string): Promise<Answer<Todo>>;
  /** Rename a todo if it has this entity tag: the answer, or what of the problem the application reads. */
  rename(id: number, title: string, etag: string): Promise<Answer<Todo> | Refusal>;
  /** Give a todo a due in words that may mean anything. */
  postpone(id: number, due: string): Promise<Refusal>;
  complete(id: number): Promise<Answer<Todo>>;
  /** Add two todos in a batch, of which the second names a list that is not there: the titles, or the codes of the refusals. */
  batch(title: string): Promise<string[]>;
  /** What kinds of rows went back, and their titles. */
  undo(change: number): Promise<[string, string][]>;
  /** As an agent that proposes, add a todo and delete another: the title that is answered, and whether both wait. */
  propose(title: string, id: number): Promise<[string, boolean, boolean]>;
  /** Of the changes after one, the operation and the title of each row. */
  changes(since: number): Promise<[string, string][]>;
}

export type Refusal = { code: string; current?: string; field?: string };

/** The id of a list that nobody has. */
export const NO_LIST = 2 ** 40;

export async function walk(client: Client): Promise<void> {
  const added = await client.add("Renew the passport", "a-key");
  const again = await client.add("Renew the passport", "a-key");
  const etag = added.etag ?? '"1"';
  const renamed = (await client.rename(added.data.id, "Renew both passports", etag)) as Answer<Todo>;
  const stale = (await client.rename(added.data.id, "Renew none", etag)) as Refusal;
  const unclear = await client.postpone(added.data.id, "someday");
  const listed = await client.titles(["medium", "high"]);
  const completed = await client.complete(added.data.id);
  const batch = await client.batch("Book a flight");
  const changes = await client.changes(0);
  const last = Number(completed.change ?? 0);
  const undone = last ? await client.undo(last) : [];
  const proposed = await client.propose("Sign the form", added.data.id);
  console.log(
    JSON.stringify({
      again: again.data.id === added.data.id,
      renamed: renamed.data.title,
      stale: [stale.code, stale.current],
      unclear: [unclear.code, unclear.field],
      listed,
      completed: completed.data.is_completed ?? completed.data.isCompleted,
      batch,
      changes: changes.slice(-4),
      undone,
      proposed,
    }),
  );
}

export const [url, token, proposing] = process.argv.slice(2) as [string, string, string];
export const authorization = { Authorization: `Bearer ${token}` };
export const authorizationToPropose = { Authorization: `Bearer ${proposing}` };

/** Whether the person is to approve it first. */
export function waits(status: number, headers: Headers): boolean {
  return status === 202 && Number(headers.get("Proposal-Id")) > 0;
}

/** The `field` of the first refused field with its code, as an application would look up its own words for it. */
export function firstField(errors: { field: string; code: string }[] | undefined): string | undefined {
  const first = errors?.[0];
  return first && `${first.field}: ${first.code}`;
}
