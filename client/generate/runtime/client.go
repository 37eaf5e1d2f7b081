// Package runtime is the part of a generated Go client that is the same for every installation. Generated files contain
// its source; no program imports it.
package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config configures a Client. URL is required. Of the credentials one kind is used, the first that is set of Token, Key,
// ClientID and User; none are needed for operations that anybody may call.
type Config struct {
	URL string // base URL of the server: "https://penstock.example.org"

	Token                  string   // an access token
	Key, Secret            string   // an API key; each request is signed
	ClientID, ClientSecret string   // an API client; tokens are fetched, kept, and fetched again when they have ended
	Scopes                 []string // of the tokens of an API client; nil: all that are granted to it
	User, Password         string   // Basic

	HTTP    *http.Client  // default: a new one; redirects are never followed
	Timeout time.Duration // of one attempt, from its last progress in sending; zero means 75 s. It must exceed the limit of the slowest flow, 60 s at most
	Retries int           // attempts after the first; zero means 3, negative none
	MaxWait time.Duration // longest pause between attempts; zero means 30 s. A longer Retry-After ends the call
}

// Client calls the operations of one server. Safe for concurrent use. It needs no closing.
type Client struct {
	config Config
	base   string
	http   *http.Client
	token  tokenCache
}

// maxAnswer is the maximum size of an answer, in bytes.
const maxAnswer = 64 << 20

// New returns a Client.
func New(config Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(config.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.User != nil {
		return nil, errors.New("new client: URL must be an http or https URL without user and query")
	}
	setDefault(&config.Timeout, 75*time.Second)
	setDefault(&config.MaxWait, 30*time.Second)
	setDefault(&config.Retries, 3)
	c := &Client{config: config, base: base.String(), http: &http.Client{}, token: tokenCache{turn: make(chan struct{}, 1)}}
	if config.HTTP != nil {
		*c.http = *config.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // credentials stay with their server
	return c, nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Response is an answer whose form the API does not describe.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	stream io.ReadCloser // in place of Body, of a download
}

// Download is an answer that is a file, which is read while it arrives.
type Download struct {
	Status int // 204: there is none
	Header http.Header
	Body   io.ReadCloser // must be closed
}

// request is one logical call of an operation.
type request struct {
	method, path string // the path is escaped
	query        url.Values
	header       http.Header
	body         any    // a File, url.Values, or what is encoded as JSON; nil: no body
	media        string // content type of a File without one
	parts        []part // of a form with files, in place of body; nil: none
	download     bool   // the answer is a file
	keyed        bool   // the operation takes an Idempotency-Key
	public       bool   // the operation takes no credentials
	err          error
}

// call sends a request and decodes the answer. An empty answer is the zero value.
func call[T any](ctx context.Context, c *Client, q *request, options []Option) (T, error) {
	var out T
	answer, err := c.send(ctx, q, options)
	if err != nil || len(answer.Body) == 0 {
		return out, err
	}
	return out, decode(answer, &out)
}

// fetch sends a request whose answer is a file.
func (c *Client) fetch(ctx context.Context, q *request, options []Option) (*Download, error) {
	q.download = true
	answer, err := c.send(ctx, q, options)
	if err != nil {
		return nil, err
	}
	return &Download{answer.Status, answer.Header, answer.stream}, nil
}

func decode(answer *Response, out any) error {
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// exchange sends one HTTP request, and reads the answer within the timeout; that of a download is not read. A status outside
// of 2xx, and 202 for a run that goes on, are an *Error.
func (c *Client) exchange(ctx context.Context, method, path string, header http.Header, body content, download bool) (*Response, error) {
	attempt, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.config.Timeout, func() { cancel(context.DeadlineExceeded) })
	end := func() { timer.Stop(); cancel(nil) }
	answer, err := c.roundTrip(attempt, method, path, header, body, func() { timer.Reset(c.config.Timeout) })
	if err == nil && download && answer.Status/100 == 2 && answer.Status != http.StatusAccepted {
		timer.Stop()
		answer.stream = &stream{answer.stream, end}
		return answer, nil
	}
	defer end()
	if err == nil {
		defer answer.stream.Close()
		if answer.Body, err = io.ReadAll(io.LimitReader(answer.stream, maxAnswer+1)); err != nil {
			err = &unreachable{err}
		}
	}
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(context.Cause(attempt), context.DeadlineExceeded):
		return nil, &unreachable{context.DeadlineExceeded}
	case err != nil:
		return nil, err
	case len(answer.Body) > maxAnswer:
		return nil, fmt.Errorf("read answer: it is larger than %d bytes", maxAnswer)
	case answer.Status/100 != 2 || answer.Status == http.StatusAccepted:
		return nil, newError(answer)
	}
	return answer, nil
}

// roundTrip sends one HTTP request and returns the answer with its body unread. progress is called while the content is sent.
func (c *Client) roundTrip(ctx context.Context, method, path string, header http.Header, body content, progress func()) (*Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header = header
	if size := body.size(); size != 0 {
		sent := &sending{progress: progress}
		open := func() (io.ReadCloser, error) {
			_ = sent.Close() // never fails
			reader, err := body.open()
			sent = &sending{progress: progress, reader: reader}
			return sent, err
		}
		if r.ContentLength = size; body.repeatable() {
			r.GetBody = open
		}
		if r.Body, err = open(); err != nil {
			return nil, err
		}
		defer func() { _ = sent.Close() }() // never fails
	}
	w, err := c.http.Do(r)
	if err != nil {
		return nil, &unreachable{withoutQuery(err)}
	}
	return &Response{Status: w.StatusCode, Header: w.Header, stream: w.Body}, nil
}

// stream is the body of a download.
type stream struct {
	io.ReadCloser
	end func()
}

// Close implements io.Closer.
func (s *stream) Close() error {
	defer s.end()
	return s.ReadCloser.Close()
}

// withoutQuery removes the query string from an error of net/http: it holds a caller's data.
func withoutQuery(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		failed.URL, _, _ = strings.Cut(failed.URL, "?")
	}
	return err
}
