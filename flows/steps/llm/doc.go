package llm

import "strings"

const example = `name: contact
llm:
  connection: model
  model: small-1
  system: You extract contacts from e-mails. Leave out what is not there.
  prompt: ${ .text }
  schema:
    type: object
    properties: {name: {type: string}, email: {type: string}}
    required: [name]
  max_cost: 0.05
timeout: 60s
retry: {attempts: 3}`

var doc = strings.ReplaceAll(`The resulting item is the answer:

| member | holds |
|---|---|
| 'text' | the text of the last answer |
| 'output' | the answer as 'schema' wants it, checked; null without a schema |
| 'usage' | '{input_tokens, output_tokens, cost}' of all turns; 'cost' is null when the [connection](connections.md) has no prices |
| 'turns' | the number of answers |
| 'stop' | 'end' |

**Structured answers.** The schema goes to an 'openai' connection as 'response_format', and to an 'anthropic' one as the schema of a tool that the model must
call. The answer is checked here in any case. One that does not fit is asked for once more, with what is wrong; then the step fails.

**Tools** are flows with [tool](mcp.md): its 'description' and 'schema' tell the model what they do. A flow that the model calls is executed as by
[call](#call): as a part of this run, with its principal and limit, its steps in the run's record as 'STEP/THEIRS', in the version that is current at first, to a
depth of 8. Its output, up to 256 KB, goes to the model as JSON. Arguments that do not fit, names of no tool, and failures go to the model as errors; of a failure of a
step only its code. A model reaches these flows and nothing else; [what that means](security.md#language-models).

**Effect.** A request happens once, as a POST of [http](#http) does. Every answer is recorded before the next step of the conversation: when a worker is lost, the next attempt
neither asks again for answers that it has nor executes effects of tools again. A request whose answer is lost with its worker makes the run fail as
uncertain, because it may have been charged for. 'effect: idempotent' or 'on_uncertain: rerun' has it sent again; requests carry 'Idempotency-Key: <run>.<step>.<item>.<turn>',
which spares the cost only where the provider heeds it. 'retry' is for each request: with 429, 503 and 529 the provider did nothing, and 'Retry-After' is honoured.
'timeout' is for the whole conversation.

**Limits.** An item has at most 'max_turns' answers, each with at most 32 calls of tools, and a response at most 4 MB. 'max_run_tokens' and 'max_cost' count all items and turns of the run, those of earlier
attempts, and requests without an answer at the most that they may have used. They are checked before each request, with 'max_tokens' and an estimate of the input, a token for three
bytes; cached input counts in full.

**Failures** have codes of their own, which 'retry' does not try again:

| code | |
|---|---|
| 'llm_refused' | the model refused |
| 'llm_cut_off' | the answer is longer than 'max_tokens' |
| 'llm_filtered' | the provider's content filter withheld the answer |
| 'llm_output' | the answer does not fit the schema |
| 'llm_turns' | the model did not finish within 'max_turns' |
| 'llm_budget' | a further request may exceed 'max_run_tokens' or 'max_cost' |
| 'llm_answer' | the response is none of the API |

**Tests and rehearsals.** The mock is the item. What a test finds in 'sent' is the first request in the shape of no provider: its 'body' has 'model', 'system', 'messages', 'schema', 'tools',
'max_tokens' and 'temperature'. A rehearsal compares the same.`, "'", "`")
