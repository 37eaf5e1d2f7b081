package httpstep

import (
	"context"
	"maps"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// cursorPager copies a value of each response into the next request: a query parameter, a header, or a member of its
// JSON body.
type cursorPager struct {
	from   *flows.Expr
	param  string
	header string   // key of http.Header
	body   []string // names that lead to the member
}

func (s *step) newCursorPager(object *flows.Args) (httpPager, error) {
	c := cursorPager{from: object.Expr("from"), param: object.String("param")}
	if name := object.String("header"); name != "" {
		c.header = headerKey(name)
		if !httpguts.ValidHeaderFieldName(name) || reservedHeader(c.header) || c.header == "Host" { // a connection is allowed for the host of the flow
			return nil, object.Errorf("header", "header: %q cannot be set", name)
		}
	}
	if path := object.Expr("body"); path != nil {
		if _, ok := s.body.(jsonBody); !ok {
			return nil, object.Errorf("body", "body: the cursor is a member of the JSON body, and the request has none: give json")
		}
		if c.body = path.Members(); c.body == nil {
			return nil, object.Errorf("body", "body: expected names from the body on, such as .variables.after")
		}
	}
	return c, nil
}

func (cursorPager) first(call *httpCall) *httpCall { return call }

func (c cursorPager) next(ctx context.Context, in *flows.Input, p *httpPage) (*httpCall, error) {
	v, err := c.from.First(ctx, in.With(p.response.item()))
	if err != nil || v == nil || v == false || v == "" {
		return nil, err
	}
	if c.body != nil {
		return p.call.withMember(ctx, in, c.body, v)
	}
	switch v.(type) {
	case []any, map[string]any:
		return nil, failure.Errorf("the cursor is %s, not text or a number", content.TypeName(v))
	}
	text := content.ScalarText(v)
	if c.header == "" {
		return p.call.at(withParam(p.call.url, c.param, text)), nil
	}
	values, err := headerValues(text)
	if err != nil {
		return nil, failure.Errorf("the cursor for the header %s %s", c.header, err)
	}
	next := p.call.at(p.call.url)
	next.header, next.cursor = p.call.header.Clone(), text
	next.header[c.header] = values
	return next, nil
}

// withMember returns the call with another value of a member of its JSON body.
func (c *httpCall) withMember(ctx context.Context, in *flows.Input, names []string, v any) (*httpCall, error) {
	body, err := setMember(c.body.value, names, v)
	if err != nil {
		return nil, err
	}
	next := *c
	if next.body.content, err = flows.EncodeJSONOn(in.Charger(ctx), body); err != nil {
		return nil, failure.Limit(err)
	}
	next.body.value, next.cursor = body, string(flows.EncodeJSON(v))
	return &next, nil
}

// setMember returns a copy of an object in which the member that the names lead to has another value.
func setMember(of any, names []string, v any) (any, error) {
	object, ok := of.(map[string]any)
	if !ok && of != nil {
		return nil, failure.Errorf("the cursor's place in the body, .%s, is in %s, not in an object", strings.Join(names, "."), content.TypeName(of))
	}
	changed := maps.Clone(object)
	if changed == nil {
		changed = map[string]any{}
	}
	if len(names) > 1 {
		var err error
		if v, err = setMember(object[names[0]], names[1:], v); err != nil {
			return nil, err
		}
	}
	changed[names[0]] = v
	return changed, nil
}
