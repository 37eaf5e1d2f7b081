package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// fail ends the run with a message for the caller.
func fail() flows.Kind {
	return flows.Kind{
		Name:    "fail",
		Summary: "Fails the run, with a message for the caller.",
		Doc:     "Use `if` or a switch to fail for some items only. An enclosing step may catch the failure with `on_error`.",
		Params: []flows.Param{
			{Name: "message", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The message for the caller."},
			{Name: "status", Type: flows.TypeInt, Default: "422", Summary: "HTTP status of the response, 400 to 599, where the interface lets a flow set it."},
			{Name: "code", Type: flows.TypeString, Default: "fail", Summary: "A word by which the caller's programs distinguish failures."},
		},
		Terminal: true,
		Example:  "if: .email == null\nfail: {message: an address is needed, status: 400}",
		New:      newFail,
	}
}

func newFail(args *flows.Args) (flows.Runner, error) {
	message, status, code := args.Template("message"), args.Int("status"), flows.Code(args.String("code"))
	if args.Has("status") && (status < 400 || status > 599) {
		return nil, args.Refuse(problem.BadStatus, "status", "status: expected 400 to 599")
	}
	if !args.Has("code") {
		code = flows.CodeFail
	} else if flows.Reserved(code) {
		return nil, args.Errorf("code", "the code %q has a meaning of its own: choose another word", code)
	}
	return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
		said, err := message.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		return nil, &flows.Error{Code: code, Message: said, Status: status}
	}), nil
}
