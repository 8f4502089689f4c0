// The TypeScript client of 2026, Vercel's AI SDK and mcp-remote, driven line by line: a JSON request comes in, a JSON answer goes out.
// node bridge.mjs v2 | ai-sdk | mcp-remote URL TOKEN
import { createInterface } from "node:readline";
import { createMCPClient } from "@ai-sdk/mcp";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [kind, url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function official() {
  const transport =
    kind === "v2"
      ? new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
      : new StdioClientTransport({
          command: "npx",
          args: ["mcp-remote", url, "--header", `Authorization:${headers.Authorization}`, "--transport", "http-only"],
          env: { ...process.env, MCP_REMOTE_CONFIG_DIR: process.cwd() },
        });
  const client = new Client({ name: kind, version: "1" }, { versionNegotiation: { mode: kind === "v2" ? "auto" : "legacy" } });
  await client.connect(transport);
  const heard = [];
  let tell = () => {};
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
    heard.push(params.uri);
    tell();
  });
  return {
    about: { protocol: client.getNegotiatedProtocolVersion(), instructions: client.getInstructions() },
    tools: () => client.listTools(),
    call: (name, given) => client.callTool({ name, arguments: given }),
    listen: async (filter) => (await client.listen(filter)).honoredFilter,
    heard: () => new Promise((resolve) => (heard.length ? resolve(heard) : (tell = () => resolve(heard)))),
    close: () => client.close(),
  };
}

async function aiSdk() {
  const client = await createMCPClient({ transport: { type: "http", url, headers } });
  const tools = await client.tools();
  return {
    about: {},
    tools: () => client.listTools(),
    call: (name, given) => tools[name].execute(given, { toolCallId: "1", messages: [] }),
    close: () => client.close(),
  };
}

const client = kind === "ai-sdk" ? await aiSdk() : await official();
say(client.about);
for await (const line of createInterface({ input: process.stdin })) {
  const { tool, arguments: given } = JSON.parse(line);
  if (tool === null) say(await client.tools());
  else if (tool === "listen") say(await client.listen(given));
  else if (tool === "heard") say(await client.heard());
  else say(await client.call(tool, given));
}
await client.close();
