package httpstep

import (
	"context"
	"net/http"
	"time"

	"github.com/penstock/penstock/flows"
)

// exchange is what is known of a request that was sent, for the record of the run.
type exchange struct {
	at       time.Time
	response *http.Response // nil: none came
	body     []byte         // of the response, as far as it was read
	omitted  string         // why body is not it
}

// send sends one request, reads the response, and records both.
func (s *step) send(ctx context.Context, in *flows.Input, client *http.Client, call *httpCall) (*httpResponse, error) {
	x := exchange{at: time.Now()}
	answer, err := s.exchange(ctx, client, call, in, &x)
	s.recordExchange(ctx, in, call, &x, err)
	return answer, err
}

// recordExchange records an exchange. The headers are those that the flow gives: the credentials of connections are not among
// them.
func (s *step) recordExchange(ctx context.Context, in *flows.Input, call *httpCall, x *exchange, failed error) {
	if !in.RecordsExchange(failed != nil) {
		return
	}
	sent := flows.HTTPExchange{
		At: x.at, Method: call.method, URL: call.url, Connections: s.connections.names, Err: failed,
		Request: flows.HTTPContent{Header: call.sentHeader(), Body: call.body.content, Size: call.body.size()},
	}
	if call.body.stream != nil {
		sent.Request.Omitted = "it has files, or several parts"
	}
	if x.response != nil {
		sent.Status = x.response.StatusCode
		sent.Response = flows.HTTPContent{Header: x.response.Header, Body: x.body, Size: int64(len(x.body)), Omitted: x.omitted}
	}
	in.RecordExchange(ctx, sent)
}

// sentHeader returns the headers of the call's page.
func (c *httpCall) sentHeader() http.Header {
	header := c.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if c.key != "" {
		header[c.keyHeader()] = []string{c.pageIdempotencyKey()}
	}
	return header
}
