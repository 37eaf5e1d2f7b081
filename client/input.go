package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Input is the input of a run.
type Input struct {
	Event   json.RawMessage   `json:"event"` // null: the run has no event
	Params  map[string]string `json:"params"`
	Headers map[string]string `json:"headers"`
}

// Input reads the input of a run. Errors of the server are *Error.
func (c *Client) Input(ctx context.Context, run string) (*Input, error) {
	in := &Input{}
	return in, c.Call(ctx, http.MethodGet, "/v1/runs/"+url.PathEscape(run)+"/input", nil, in)
}
