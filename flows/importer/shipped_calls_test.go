package importer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// call is a request that an operation has sent, and the response that it got.
type call struct {
	request *http.Request
	body    []byte
	status  int
	answer  any // JSON; nil: none
}

// player answers requests with the responses of a test.
type player struct {
	responses []any
	calls     []call
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{request: r, status: http.StatusOK}
	if r.Body != nil {
		var err error
		if c.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if len(p.calls) == len(p.responses) {
		return nil, errRecorded
	}
	response, _ := p.responses[len(p.calls)].(map[string]any)
	if status, ok := response["status"].(int); ok {
		c.status = status
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if headers, ok := response["headers"].(map[string]any); ok && headers["Retry-After"] != nil {
		header.Set("Retry-After", "0")
	}
	var text []byte
	if response["json"] != nil {
		var err error
		if text, err = json.Marshal(response["json"]); err != nil {
			return nil, err
		}
		if err = json.Unmarshal(text, &c.answer); err != nil {
			return nil, err
		}
	}
	p.calls = append(p.calls, c)
	return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
}

// calls executes the operation of a test.
func calls(t *testing.T, connector *flows.Connector, test shippedTest) []call {
	t.Helper()
	source := "flow: 1\nsteps:\n- uses: " + connector.Name + "." + test.Operation + "\n  with: ${ . }\n  retry: {attempts: 4, backoff: 1ms, on: [429]}\n  connection: any\n"
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue().WithConnectors(only{connector}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(test.Params)
	if err != nil {
		t.Fatal(err)
	}
	event, err := flows.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	responses, ok := test.Response.([]any)
	if !ok {
		responses = []any{test.Response}
	}
	p := &player{responses: responses}
	_, err = flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 1, Event: event}, flows.Env{HTTP: p, Connections: anyConnection{}})
	if errors.Is(err, errRecorded) {
		t.Errorf("%s: more requests than responses", test.Name)
	}
	return p.calls
}
