package steps

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/httpstep"
)

// uses executes an operation of a connector.
func uses() flows.Kind {
	return flows.Kind{
		Name:       flows.UsesKind,
		Summary:    "Executes an operation of a connector: an HTTP request that is described once, with parameters.",
		Doc:        usesDoc,
		Example:    usesExample,
		Effect:     flows.Once,
		ThroughEnv: true,
		Params: []flows.Param{
			{Name: "operation", Type: flows.TypeString, Inline: true, Required: true, Summary: "The [connector](connectors.md) and its operation, as in `slack.chat_post_message`."},
			{Name: "with", Type: flows.TypeTemplate, Summary: "The parameters. The deployment checks their names and the values that are fixed; the step checks all values before it sends anything."},
			httpstep.ConnectionParam(),
			httpstep.ProxyParam(),
		},
		New: func(args *flows.Args) (flows.Runner, error) { return args.Operation() },
	}
}

const usesExample = `uses: slack.chat_post_message
connection: slack
with: {channel: "#orders", text: "Order ${ .number } has come in."}`

const usesDoc = `It puts out what [http](#http) puts out: ` + "`{status, headers, body}`" + `, or the items of all pages of an operation with pages. It is an http
step in all else, too: retries, effects, failures, connections and tests are the same. A parameter that is null is one that is not given, unless
the operation takes null. ` + "`timeout`, `retry` and `effect`" + ` of the step win over those of the operation; the condition ` + "`retry.if`" + ` of the operation holds
all the same, unless the step has one.

` + "`penstock connector show slack`" + ` prints the operations of a connector and their parameters.
`
