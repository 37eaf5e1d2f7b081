package flows_test

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// A flow is parsed once and may then be executed any number of times, also concurrently.
func ExampleParse() {
	flow, err := flows.Parse("hello.yaml", []byte(`
flow: 1
slug: hello
trigger: webhook
steps:
  - split: .names[]
  - set: {message: "Hello, ${ . }"}
`), steps.Catalogue())
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := flows.DecodeJSON([]byte(`{"names": ["Ada", "Bo"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	output, err := flow.Execute(context.Background(), flows.Run{ID: "local", Attempt: 1, Event: event}, flows.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(flows.EncodeJSON(output)))
	// Output: [{"message":"Hello, Ada"},{"message":"Hello, Bo"}]
}
