// How a program uses the client. Only type-checked: a change of the API that breaks programs breaks this file.
import { allItems, createApiClient, type Problem, type Schema } from "../src/index.js";

const api = createApiClient({
  baseUrl: "https://studio.example",
  token: () => "sc_live_0123456789abcdef",
});

/** Enters a client and reads it again. */
export async function enterClient(name: string): Promise<Schema<"Client">> {
  const created = await api.POST("/api/v1/clients", {
    body: { name, contacts: [{ kind: "phone", value: "+15135550142" }] },
  });
  if (created.error) throw new Error(describe(created.error));
  const { data, error } = await api.GET("/api/v1/clients/{id}", { params: { path: { id: created.data.id } } });
  if (error) throw new Error(describe(error));
  return data;
}

/** The names of all clients, page by page. */
export async function clientNames(): Promise<string[]> {
  const names: string[] = [];
  const page = async (cursor: string | undefined) => {
    const { data, error } = await api.GET("/api/v1/clients", {
      params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } },
    });
    if (error) throw new Error(describe(error));
    return data;
  };
  for await (const client of allItems(page)) names.push(client.name);
  return names;
}

function describe(problem: Problem): string {
  const fields = Object.entries(problem.errors ?? {}).map(([field, rule]) => `${field} ${rule}`);
  return [problem.detail, ...fields].join("; ");
}

/** What must not compile: an unknown path, an unknown field, a list's parameter of the wrong kind. */
export async function mistakes(): Promise<void> {
  // @ts-expect-error there is no such path
  await api.GET("/api/v1/customers");
  // @ts-expect-error the name is missing
  await api.POST("/api/v1/clients", { body: { notes: "x" } });
  // @ts-expect-error a number is wanted
  await api.GET("/api/v1/clients", { params: { query: { limit: "many" } } });
}
