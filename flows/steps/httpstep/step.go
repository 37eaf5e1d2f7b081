// Package httpstep is the step kind http. Its name is that of the kind and "step", so that it does not hide net/http.
package httpstep

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/internal/blob"
)

// Kind calls an HTTP API and puts out the response.
func Kind() flows.Kind {
	agent := userAgent()
	return flows.Kind{
		Name:       "http",
		Summary:    "Calls an HTTP API and returns its response.",
		Doc:        doc,
		Params:     httpParams(),
		Example:    example,
		Effect:     flows.Once,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			return newStep(args, agent)
		},
	}
}

// step is one http step of a flow.
type step struct {
	method      string
	url         *flows.Template
	query       flows.FieldSet
	headers     []httpHeader
	headerSet   flows.FieldSet // of headers that an expression gives
	keyHeader   string         // header of the idempotency key; "": idempotencyKey
	body        httpBody       // nil: none
	connections connections
	proxy       string // name of its connection; "": none
	trust       *httpTrust
	redirects   int // maximum number of redirects to follow
	expect      flows.Statuses
	anyOK       bool // expect is absent: any 2xx
	bodyFormat
	pages   *httpPages // nil: one request
	cookies bool       // cookies of a response are sent with the next request
	agent   string
}

func newStep(args *flows.Args, agent string) (*step, error) {
	s := &step{
		query:      args.FieldSet("query"),
		proxy:      args.String("proxy"),
		expect:     args.Statuses("expect"),
		anyOK:      !args.Has("expect"),
		bodyFormat: bodyFormat{parse: args.String("parse")},
		cookies:    args.Has("cookies"),
		agent:      agent,
	}
	var err error
	if s.charset, err = content.Charset(args); err != nil {
		return nil, err
	}
	for _, set := range []func(*flows.Args) error{
		s.setMethod, s.setConnections, s.setHeaders, s.setKeyHeader, s.setBody, s.setLimit, s.setCSV, s.setRedirects, s.setTrust, s.setPages,
	} {
		if err := set(args); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run sends the request, or the requests of all pages, for one item.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	if s.pages != nil {
		return s.pages.run(ctx, in, s)
	}
	call, err := s.render(ctx, in)
	if err != nil {
		return nil, err
	}
	client, err := s.client(ctx, in, call)
	if err != nil {
		return nil, err
	}
	call.charger = in.Charger(ctx)
	answer, err := s.send(ctx, in, client, call)
	if err != nil {
		return nil, err
	}
	return []any{answer.item()}, nil
}

// ReadsResponses implements flows.ResponseReader.
func (s *step) ReadsResponses() map[string]any {
	reads := map[string]any{}
	if s.parse != "" && s.parse != "auto" {
		reads["parse"] = s.parse
	}
	if s.limit != defaultResponse && s.parse != parseFile {
		reads["max_response"] = s.limit
	}
	if !s.anyOK {
		reads["expect"] = s.expect.String()
	}
	if s.pages != nil && s.pages.items != nil {
		reads["items"] = s.pages.items.String()
	}
	return reads
}

// exchange sends one request and reads the response. It notes in x what came.
func (s *step) exchange(ctx context.Context, client *http.Client, call *httpCall, in *flows.Input, x *exchange) (*httpResponse, error) {
	resp, err := client.Do(call.request(ctx))
	if err != nil {
		return nil, call.failure(ctx, err)
	}
	defer resp.Body.Close()
	x.response = resp
	if !s.expects(resp.StatusCode) {
		x.body = readRefusal(resp)
		return nil, call.statusError(resp, x.body, s.charset)
	}
	raw := call.charger.Part()
	defer raw.Drop()
	if s.parse == parseFile {
		x.omitted = "it became a file"
		if err := raw.Charge(blob.Chunk); err != nil {
			return nil, call.failure(ctx, err)
		}
		body, size, err := s.saveBody(ctx, in, resp)
		if err != nil {
			return nil, call.failure(ctx, err)
		}
		return &httpResponse{url: resp.Request.URL, status: resp.StatusCode, header: resp.Header, body: body, size: size}, nil
	}
	text, err := readBody(raw, resp, s.limit)
	if err != nil {
		x.omitted = "it was not read to its end"
		return nil, call.failure(ctx, err)
	}
	x.body = text
	body, err := parseBody(ctx, call.charger, s.bodyFormat, resp.Header, text)
	if err != nil {
		return nil, call.failure(ctx, finalError{err})
	}
	return &httpResponse{
		url: resp.Request.URL, status: resp.StatusCode, header: resp.Header, body: body, size: int64(len(text)),
	}, nil
}

func (s *step) expects(status int) bool {
	if s.anyOK {
		return status >= 200 && status < 300
	}
	return s.expect.Has(status)
}

func userAgent() string {
	version := "dev"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = strings.TrimPrefix(info.Main.Version, "v")
	}
	return fmt.Sprintf("Penstock/%s", version)
}
