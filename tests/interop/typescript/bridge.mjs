// The official TypeScript client, driven line by line: a JSON request comes in, a JSON answer goes out.
// node bridge.mjs http URL TOKEN | node bridge.mjs stdio COMMAND [ARGUMENT…]
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [kind, target, ...rest] = process.argv.slice(2);
const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target), {
        requestInit: { headers: { Authorization: `Bearer ${rest[0]}` } },
      })
    : new StdioClientTransport({ command: target, args: rest, env: process.env });
const client = new Client({ name: "typescript-v1", version: "1.32.2" });
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

await client.connect(transport);
say({ server: client.getServerVersion(), instructions: client.getInstructions() });
for await (const line of createInterface({ input: process.stdin })) {
  const { tool, arguments: given } = JSON.parse(line);
  say(tool === null ? await client.listTools() : await client.callTool({ name: tool, arguments: given }));
}
await client.close();
