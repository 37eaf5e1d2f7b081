package flows

// attributes are the parameters of every step, besides those of its kind.
var attributes = []Param{
	{Name: "name", Type: TypeString, Summary: "Names the step: later programs read its results as `$steps.NAME`. Unique in the flow."},
	{Name: "if", Type: TypeExpr, Summary: "The step processes the items for which this is true; others pass unchanged."},
	{Name: "timeout", Type: TypeDuration, Summary: "How long one attempt on one item may take.", Default: "the rest of the run's limit"},
	{Name: "retry", Type: TypeObject, Summary: "Tries again when an item fails; a number is short for `attempts`.", Fields: retryParams},
	{Name: "on_error", Type: TypeObject, Short: true, Default: "fail", Summary: "What happens to an item on which the step failed.", Fields: []Param{
		{Name: "fail", Type: TypeObject, OneOf: "way", Summary: "The run fails."},
		{Name: "skip", Type: TypeObject, OneOf: "way", Summary: "The item is dropped."},
		{Name: "continue", Type: TypeObject, OneOf: "way", Summary: "The error becomes the item: `{error: {code, message, step, status}}`."},
		{Name: "steps", Type: TypeSteps, OneOf: "way", Summary: "The error passes through these steps; the items that they return continue."},
	}},
	{Name: "concurrency", Type: TypeInt, Summary: "Items at once, 1 to 64. Results keep the order of the items.", Default: "8 for steps with effects, else 1"},
	{Name: "effect", Type: TypeEnum, Enum: []string{"pure", "read", "idempotent", "once"}, Summary: "The effect of executing the step, when the kind cannot know it.", Default: "by kind"},
	{Name: "on_uncertain", Type: TypeEnum, Enum: []string{"fail", "rerun"}, Default: "fail", Summary: "What to do after a worker was lost during a `once` step: fail the run, or repeat the step."},
	{Name: "redact", Type: TypeStrings, Summary: "Fields whose values are masked, at any depth, in all records of the step: its items before and after, and what it logs. An item that is itself a text or number has no field name; a step with `redact` masks it, too."},
	{Name: "after_response", Type: TypeBool, Summary: "The step runs after the caller has its response.", Default: "false"},
}

var retryParams = []Param{
	{Name: "attempts", Type: TypeInt, Inline: true, Required: true, Summary: "Maximum of attempts, including the first, 1 to 20."},
	{Name: "backoff", Type: TypeDuration, Default: "200ms", Summary: "Pause before the second attempt."},
	{Name: "factor", Type: TypeInt, Default: "2", Summary: "Factor by which each further pause is longer, 1 to 10."},
	{Name: "jitter", Type: TypeBool, Default: "true", Summary: "Shortens each pause by up to half, at random."},
	{Name: "on", Type: TypeStrings, Summary: "Failures to retry: `timeout`, `network`, a status or a class of statuses.", Default: "timeout, network, 429, 5xx; only 429 and 503 for a `once` step"},
}
