// Calls the operations of flows with the client that @hey-api/openapi-ts generates.
import { ordersTakeRun, peopleList, peopleRead, peopleWrite } from "./hey";
import { client } from "./hey/client.gen";

async function main() {
  client.setConfig({ baseUrl: process.env.PENSTOCK_URL!, auth: (scheme) => (scheme.scheme === "bearer" ? process.env.PENSTOCK_TOKEN : undefined) });
  const list = await peopleList({ query: { state: "CO", page_size: 10 } });
  const names: string[] = list.data!.items.map((person) => person.name);
  const read = await peopleRead({ path: { id: 7 } });
  const id: number = read.data!.id;
  const missing = await peopleRead({ path: { id: 404 } });
  const written = await peopleWrite({ path: { id: 7 }, body: { name: "Zoë", score: null } });
  const taken = await peopleWrite({ path: { id: 7 }, body: { name: "taken" } });
  const order = await ordersTakeRun({ body: { order: "A1", lines: [{ sku: "a" }, { sku: "b", count: 2 }] } });
  const lines: number = order.data!.output[0].lines;
  console.log(JSON.stringify({ names, id, missing: missing.error!.code, written: written.data!.name, taken: taken.response!.status, lines }));
}

void main();
