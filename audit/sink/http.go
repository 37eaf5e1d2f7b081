package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/penstock/penstock/audit"
)

// maxResponse is how much of a response is read, so that its connection can be used again.
const maxResponse = 4 << 10

// HTTP posts entries to a server as lines of JSON. The server has a batch when it answers with a status of 2xx; the batch comes again after
// any other answer, and redirects are none.
type HTTP struct {
	url    string
	header [2]string // name and value; empty: none
	client *http.Client
}

// NewHTTP returns a sink for a URL. header is "Name: value", added to each request; empty: none. Its value is a secret.
func NewHTTP(address, header string) (*HTTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the URL for the audit log is http://… or https://…")
	}
	if u.User != nil {
		return nil, errors.New("the URL for the audit log has a password: use the header for it")
	}
	h := &HTTP{url: address, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
	}}
	if header != "" {
		name, value, ok := strings.Cut(header, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" || strings.ContainsAny(name+value, "\r\n") {
			return nil, errors.New("the header for the audit log is \"Name: value\"")
		}
		h.header = [2]string{name, value}
	}
	return h, nil
}

// Kind implements audit.Sink.
func (*HTTP) Kind() string { return audit.SinkHTTP }

// Target implements audit.Sink: without the query string, which may have a token.
func (h *HTTP) Target() string {
	target, _, _ := strings.Cut(h.url, "?")
	return target
}

// Write implements audit.Sink.
func (h *HTTP) Write(ctx context.Context, entries []*audit.Entry) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(lines(entries)))
	if err != nil {
		return fmt.Errorf("post audit log: %w", withoutURL(err))
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("User-Agent", "penstock")
	if last := entries[len(entries)-1]; last.Hash != "" {
		r.Header.Set("Idempotency-Key", last.Hash)
	}
	if h.header[0] != "" {
		r.Header.Set(h.header[0], h.header[1])
	}
	response, err := h.client.Do(r)
	if err != nil {
		return fmt.Errorf("post audit log: %w", withoutURL(err))
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxResponse))
	switch {
	case response.StatusCode == http.StatusRequestEntityTooLarge && len(entries) > 1:
		return audit.ErrTooLarge
	case response.StatusCode < 200 || response.StatusCode > 299:
		return fmt.Errorf("post audit log: the server answered %d", response.StatusCode)
	}
	return nil
}

// withoutURL takes the URL out of an error, because its query string may have a token.
func withoutURL(err error) error {
	var where *url.Error
	if errors.As(err, &where) {
		return where.Err
	}
	return err
}

// Close implements audit.Sink.
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}
