package resources

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// readParams returns the typed values of all declared parameters, and the
// query string. What is not declared is refused by name.
func readParams(c *gin.Context, o *flows.Operation, values []string) (map[string]any, url.Values, error) {
	query, err := httpx.Query(c.Request)
	if err != nil {
		return nil, nil, err
	}
	if err := checkDeclared(o, query); err != nil {
		return nil, nil, err
	}
	params := make(map[string]any, len(o.Params))
	inPath := o.Path.Params()
	for i := range o.Params {
		p := &o.Params[i]
		var texts []string
		switch p.In {
		case flows.InPath:
			texts = values[slices.Index(inPath, p.Name):][:1]
		case flows.InHeader:
			texts = c.Request.Header.Values(p.Name)
		default:
			texts = query[p.Name]
		}
		if params[p.Name], err = valueOf(p, texts); err != nil {
			return nil, nil, err
		}
	}
	return params, query, nil
}

// valueOf is the value of a parameter in a request.
func valueOf(p *flows.HTTPParam, texts []string) (any, error) {
	if len(texts) == 0 && !p.Required {
		return p.Default, nil
	}
	v, err := p.Texts(texts)
	if err == nil {
		return v, nil
	}
	var wrong *flows.ParamError
	if !errors.As(err, &wrong) {
		return nil, err
	}
	message := "the parameter " + p.Name + " is wrong: expected " + wrong.Expected
	if len(texts) == 0 {
		message = "the parameter " + p.Name + " is missing, which is required"
	}
	if p.In != flows.InQuery {
		message += " (in the " + p.In + ")"
	}
	return nil, &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_parameter", Message: message, Parameter: p.Name}
}

// listingParams are those of every listing.
var listingParams = []string{listing.ParamFilter, listing.ParamOrder, listing.ParamPage, listing.ParamPageSize}

// checkDeclared refuses query parameters that the operation does not have: a
// misspelt one must not run it without.
func checkDeclared(o *flows.Operation, query url.Values) error {
	var unknown []string
	for name := range query {
		p := o.Param(name)
		if (p == nil || p.In != flows.InQuery) && (o.Listing == nil || !slices.Contains(listingParams, name)) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return &httpx.Fault{Status: http.StatusBadRequest, Code: "undeclared_parameters", Parameter: unknown[0],
		Message: "this operation has no such parameters: " + strings.Join(unknown, ", ")}
}

// readBody returns the body as JSON that fits the operation's schema; nil:
// there is none.
func (a *api) readBody(c *gin.Context, o *flows.Operation, s *queue.Submission) ([]byte, error) {
	if o.Safe() {
		sent, err := httpx.HasBody(c.Request)
		if err == nil && sent {
			err = httpx.BadRequest("unexpected_body", "a request with "+c.Request.Method+" has no body here")
		}
		return nil, err
	}
	err := runner.ReadEvent(c, s, o.BodyForm, o.MaxBody)
	body := s.Event
	if err != nil || !o.ChecksBody() {
		return body, err
	}
	err = a.config.Runner.WithValue(c.Request.Context(), body, func(ctx context.Context, v any) error { return o.CheckBody(ctx, v) })
	var wrong *flows.Error
	if errors.As(err, &wrong) && wrong.Status != 0 {
		return nil, &httpx.Fault{Status: wrong.Status, Code: string(wrong.Code), Message: wrong.Message}
	}
	return body, err
}

// withBody is the event with a body, which is JSON; null without.
func withBody(event map[string]any, body []byte) []byte {
	if len(body) == 0 {
		body = []byte("null")
	}
	head := flows.EncodeJSON(event)
	text := make([]byte, 0, len(head)+len(body)+16)
	text = append(append(text, `{"body":`...), body...)
	return append(append(text, ','), head[1:]...)
}
