// Calls the operations of flows with the client that openapi-generator makes (typescript-fetch).
import { Configuration as OrdersConfiguration, FlowOrdersTakeApi } from "./generator/orders";
import { Configuration, FlowPeopleApi } from "./generator/people";

async function main() {
  const settings = { basePath: process.env.PENSTOCK_URL!, fetchApi: fetch, accessToken: process.env.PENSTOCK_TOKEN! };
  const people = new FlowPeopleApi(new Configuration(settings));
  const list = await people.peopleList({ state: "CO" as never, pageSize: 10 });
  const names: string[] = list.items.map((person) => person.name);
  const id: number = (await people.peopleRead({ id: 7 })).id;
  const missing = await people.peopleRead({ id: 404 }).catch((failed: Response) => failed.json());
  const written = await people.peopleWrite({ id: 7, peopleWriteBody: { name: "Zoë", score: null } });
  const taken = await people.peopleWrite({ id: 7, peopleWriteBody: { name: "taken" } }).catch((failed: Response) => failed);
  const order = await new FlowOrdersTakeApi(new OrdersConfiguration(settings)).ordersTakeRun({ ordersTakeRunEvent: { order: "A1" as never, lines: [{ sku: "a" }, { sku: "b", count: 2 }] } });
  const lines: number = order.output[0].lines;
  console.log(JSON.stringify({ names, id, missing: missing.code, written: (written as { name: string }).name, taken: (taken as Response).status, lines }));
}

void main();
