// The typed client: openapi-fetch over the types that are generated from openapi.json (`npm run generate`).
import createClient, { type Client, type Middleware } from "openapi-fetch";

import type { components, operations, paths } from "./schema.js";

export type { components, operations, paths };

/** A schema of the document by its name. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** What every failed request answers (RFC 9457). */
export type Problem = Schema<"Problem">;

export interface Options {
  /** Where the installation is, without a slash at the end. Empty for a page of its own. */
  baseUrl?: string;
  /** An access token or an API key (`sc_live_…`); asked for before every request, so that it may be renewed. */
  token?: () => string | undefined | Promise<string | undefined>;
  /** Acts for this organization instead of the token's own. */
  organizationId?: string;
  /** Makes the `Idempotency-Key` of a request that changes something; UUIDs unless given. */
  newKey?: () => string;
  /** The function that sends; the platform's unless given. */
  fetch?: (request: Request) => Promise<Response>;
}

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/** A client of one installation. Answers are `{ data }` or `{ error }`, as openapi-fetch has them. */
export function createApiClient(options: Options = {}): Client<paths> {
  const client = createClient<paths>({
    baseUrl: options.baseUrl ?? "",
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  client.use(identify(options));
  return client;
}

function identify({ token, organizationId, newKey = () => crypto.randomUUID() }: Options): Middleware {
  return {
    async onRequest({ request }) {
      const bearer = await token?.();
      if (bearer) request.headers.set("Authorization", `Bearer ${bearer}`);
      if (organizationId) request.headers.set("X-Organization-Id", organizationId);
      if (!READS.has(request.method) && !request.headers.has("Idempotency-Key")) {
        request.headers.set("Idempotency-Key", newKey());
      }
      return request;
    },
  };
}

/** The items of a list that comes in pages, one after another, asking for the next page when it is needed. */
export async function* allItems<Item>(
  page: (cursor: string | undefined) => Promise<{ items: Item[]; next_cursor?: string | null }>,
): AsyncGenerator<Item, void, void> {
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(cursor);
    yield* items;
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}
