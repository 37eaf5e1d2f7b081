package httpstep

import (
	"context"
	"net/http"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Post is a request with a body of JSON that another kind of step sends.
type Post struct {
	Connection  string      // name; its credential goes with the request, to its allowed hosts only
	URL         string      // absolute
	Header      http.Header // besides the content type; nil: none
	Body        []byte      // JSON
	MaxResponse int64       // bytes
}

// Send sends the request once, with the idempotency key of in, and returns the body of the response, which must be JSON with a status 2xx.
// Dial policy, failures and the record of the exchange are those of an http step.
func (p Post) Send(ctx context.Context, in *flows.Input) (any, error) {
	target, err := parseTarget(p.URL)
	if err != nil {
		return nil, err
	}
	s := &step{
		method: http.MethodPost, connections: connections{names: []string{p.Connection}}, anyOK: true, agent: userAgent(),
		bodyFormat: bodyFormat{parse: "json", limit: p.MaxResponse},
	}
	charger := in.Charger(ctx)
	if err := charger.Charge(int64(len(p.Body))); err != nil {
		return nil, failure.Limit(err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {s.agent}}
	for name, values := range p.Header {
		header[name] = values
	}
	call := &httpCall{
		method: s.method, url: target, header: header, body: rendered{content: p.Body, contentType: "application/json"}, hasBody: true,
		key: in.RunKey(), charger: charger,
	}
	client, err := s.client(ctx, in, call)
	if err != nil {
		return nil, err
	}
	answer, err := s.send(ctx, in, client, call)
	if err != nil {
		return nil, err
	}
	return answer.body, nil
}
