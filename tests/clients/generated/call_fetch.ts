// Calls the operations of flows with openapi-fetch, typed by openapi-typescript.
import createClient from "openapi-fetch";
import type { paths } from "./all";

async function main() {
  const client = createClient<paths>({ baseUrl: process.env.PENSTOCK_URL!, headers: { Authorization: `Bearer ${process.env.PENSTOCK_TOKEN}` } });
  const list = await client.GET("/crm/v1/people", { params: { query: { state: "CO", page_size: 10 } } });
  const names: string[] = list.data!.items.map((person) => person.name);
  const read = await client.GET("/crm/v1/people/{id}", { params: { path: { id: 7 } } });
  const id: number = read.data!.id;
  const missing = await client.GET("/crm/v1/people/{id}", { params: { path: { id: 404 } } });
  const written = await client.PUT("/crm/v1/people/{id}", { params: { path: { id: 7 } }, body: { name: "Zoë", score: null } });
  const taken = await client.PUT("/crm/v1/people/{id}", { params: { path: { id: 7 } }, body: { name: "taken" } });
  const order = await client.POST("/v1/flows/611/runs", { body: { order: "A1", lines: [{ sku: "a" }, { sku: "b", count: 2 }] } });
  const lines: number = order.data!.output[0].lines;
  console.log(JSON.stringify({ names, id, missing: missing.error!.code, written: written.data!.name, taken: taken.response.status, lines }));
}

void main();
