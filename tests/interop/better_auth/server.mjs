// A Better Auth server as people set one up for a web UI and an MCP server, with its tables in memory.
// Arguments: the resources (RFC 8707) it gives access tokens for, the MCP server's first.
// Prints its origin when it is ready; ends when its standard input does.
import { createServer } from "node:http";
import { mcp } from "@better-auth/mcp";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { admin, jwt } from "better-auth/plugins";

const [resource, ...others] = process.argv.slice(2);
const tables = {
  account: [],
  jwks: [],
  oauthAccessToken: [],
  oauthClient: [],
  oauthClientAssertion: [],
  oauthClientResource: [],
  oauthConsent: [],
  oauthRefreshToken: [],
  oauthResource: [],
  session: [],
  user: [],
  verification: [],
};
const tokens = { expirationTime: "15m" };

// What tests do to it that no client can: each is a path, called with POST and a query.
const controls = {
  // Session tokens live that long from now on: `1s`.
  "/test/lifetime": ({ value }) => (tokens.expirationTime = value),
  // As at the end of `jwks.rotationInterval`: the next token is signed by a new key, and the old one stays published.
  "/test/rotate": () => tables.jwks.forEach((key) => (key.expiresAt = new Date(Date.now() - 1000))),
  // As after a leak: the old keys are gone.
  "/test/revoke-keys": () => tables.jwks.splice(0),
  // What `admin.setRole` does: several roles are one text, with commas between them.
  "/test/role": ({ id, value }) => (tables.user.find((user) => user.id === id).role = value),
};

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, origin);
  if (request.method !== "POST" || !(pathname in controls)) return handle(request, response);
  controls[pathname](Object.fromEntries(searchParams));
  response.writeHead(204).end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const auth = betterAuth({
  baseURL: origin,
  secret: "a-secret-of-at-least-thirty-two-characters!",
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
  plugins: [
    jwt({ jwt: tokens }),
    admin(),
    mcp({
      loginPage: "/login",
      consentPage: "/consent",
      resource,
      resources: others,
      clientRegistrationDefaultResources: others,
      allowDynamicClientRegistration: true,
      allowUnauthenticatedClientRegistration: true,
      scopes: ["openid", "profile", "email", "offline_access", "todos:read", "todos:write", "admin"],
    }),
  ],
});
const handle = toNodeHandler(auth);

process.stdin.resume().on("end", () => process.exit());
console.log(origin);
