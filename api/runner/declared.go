package runner

import (
	"net/http"
	"slices"
	"strings"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// DeclaredParams returns the parameters that the flow declares, nil when there are none. own are the parameters
// that the caller of this function reads. All others are rejected by name, so that a misspelt parameter does not
// run the flow without it.
func DeclaredParams(f *flows.Flow, query auth.Query, own ...string) (map[string]string, error) {
	var params map[string]string
	var unknown []string
	for _, p := range query.Params() {
		switch {
		case slices.Contains(own, p.Name):
		case f.Webhook != nil && slices.Contains(f.Webhook.Params, p.Name):
			if params == nil {
				params = map[string]string{}
			}
			params[p.Name] = p.Value
		default:
			unknown = append(unknown, p.Name)
		}
	}
	if len(unknown) > 0 {
		return nil, httpx.BadRequest("undeclared_parameters", "this flow declares no such parameters: "+strings.Join(unknown, ", "))
	}
	return params, nil
}

// declaredHeaders returns the request headers that the flow declares, nil when there are none.
func declaredHeaders(f *flows.Flow, h http.Header) map[string]string {
	var headers map[string]string
	for _, name := range f.Headers() {
		values := h.Values(name)
		if len(values) == 0 {
			continue
		}
		if headers == nil {
			headers = map[string]string{}
		}
		headers[name] = strings.Join(values, ", ")
	}
	return headers
}
