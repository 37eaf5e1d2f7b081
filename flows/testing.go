package flows

// testParams are the fields of one test of a flow.
var testParams = []Param{
	{Name: "name", Type: TypeString, Required: true, Summary: "What the test shows."},
	{Name: "event", Type: TypeLiteral, Summary: "The trigger's payload; none is null."},
	{Name: "params", Type: TypeLiteral, Summary: "Query parameters."},
	{Name: "headers", Type: TypeLiteral, Summary: "Headers."},
	{Name: "vars", Type: TypeLiteral, Summary: "Override the flow's vars."},
	{Name: "mocks", Type: TypeLiteral, Summary: "What steps that reach the world put out, by step name or kind."},
	{Name: "output", Type: TypeLiteral, Summary: "The items that the run must put out."},
	{Name: "error", Type: TypeLiteral, Summary: "The error that the run must end with: a part of its message, or a mapping with any of code, message, step, status."},
}

type test struct {
	name string
}

func (c *compiler) readTests(all []*Args) {}
