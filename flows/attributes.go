package flows

// attributes are the parameters of every step, besides those of its kind.
var attributes = []Param{
	{Name: "name", Type: TypeString, Summary: "Names the step: later programs read its results as `$steps.NAME`. Unique in the flow."},
	{Name: "if", Type: TypeExpr, Summary: "The step is for items for which this is true; others pass unchanged."},
	{Name: "timeout", Type: TypeDuration, Summary: "How long one attempt on one item may take.", Default: "the rest of the run's limit"},
	{Name: "retry", Type: TypeObject, Summary: "Tries again when an item fails; a number stands for its attempts.", Fields: retryParams},
	{Name: "on_error", Type: TypeObject, Short: true, Default: "fail", Summary: "What becomes of an item on which the step failed.", Fields: []Param{
		{Name: "fail", Type: TypeObject, OneOf: "way", Summary: "The run fails."},
		{Name: "skip", Type: TypeObject, OneOf: "way", Summary: "The item is dropped."},
		{Name: "continue", Type: TypeObject, OneOf: "way", Summary: "The error becomes the item: `{error: {code, message, step, status}}`."},
		{Name: "steps", Type: TypeSteps, OneOf: "way", Summary: "The error goes through these steps, what they put out goes on."},
	}},
	{Name: "concurrency", Type: TypeInt, Summary: "Items at once, 1 to 64. Results keep the order of the items.", Default: "8 for steps that reach the world, else 1"},
	{Name: "effect", Type: TypeEnum, Enum: []string{"pure", "read", "idempotent", "once"}, Summary: "What executing the step does to the world, when the kind cannot know it.", Default: "by kind"},
	{Name: "on_uncertain", Type: TypeEnum, Enum: []string{"fail", "rerun"}, Default: "fail", Summary: "What to do when a worker was lost during a `once` step: fail the run, or do it again."},
	{Name: "redact", Type: TypeStrings, Summary: "Fields whose values are masked, at any depth, wherever what goes into the step, comes out of it or is logged by it is recorded. A text or number that is an item by itself has no name; of a step that redacts anything it is masked too."},
	{Name: "after_response", Type: TypeBool, Summary: "The step runs after the caller has its answer.", Default: "false"},
}

var retryParams = []Param{
	{Name: "attempts", Type: TypeInt, Inline: true, Required: true, Summary: "How often at most, the first time included, 1 to 20."},
	{Name: "backoff", Type: TypeDuration, Default: "200ms", Summary: "Pause before the second attempt."},
	{Name: "factor", Type: TypeInt, Default: "2", Summary: "By how much each further pause is longer, 1 to 10."},
	{Name: "jitter", Type: TypeBool, Default: "true", Summary: "Shortens each pause by up to half, at random."},
	{Name: "on", Type: TypeStrings, Summary: "What to try again on: `timeout`, `network`, a status or a class of statuses.", Default: "timeout, network, 429, 5xx; only 429 and 503 for a `once` step"},
}
