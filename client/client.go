// Package client calls a Penstock server over HTTP, through the SmartSYNC API or the native API.
package client

import (
	"bytes"
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

// timeout is the time limit of a call. It must exceed the 60 s for which the server waits for a run, plus the 2 s
// of its response.
const timeout = 75 * time.Second

// maxAnswer is the maximum size of a response in bytes.
const maxAnswer = 64 << 20

// Config configures a Client. URL and one kind of credential are required: Key and Secret, Token, or User and
// Password. The SmartSYNC API accepts keys only.
type Config struct {
	URL string // base URL of the server: "https://penstock.example.org"

	Key, Secret    string
	Token          string
	User, Password string

	HTTP *http.Client     // default: a client with a timeout of 75 s
	Now  func() time.Time // clock for signatures; default time.Now
}

// Client calls one server. Safe for concurrent use.
type Client struct {
	config Config
	base   *url.URL
}

// New returns a Client. It needs no closing.
func New(config Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(config.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("new client: %q is no http or https URL", config.URL)
	}
	if config.Key == "" && config.Token == "" && config.User == "" {
		return nil, errors.New("new client: a key, a token or a user is required")
	}
	if config.HTTP == nil {
		config.HTTP = &http.Client{Timeout: timeout}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Client{config: config, base: base}, nil
}

// ErrUnreachable is wrapped by the errors of calls that got no response.
var ErrUnreachable = errors.New("call server")

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends one request with the client's credentials and reads the response. A status of 400 or more is an
// *Error.
func (c *Client) send(ctx context.Context, method, path string, body []byte, header http.Header) (*answer, error) {
	r, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	c.authorize(r, body)
	return c.do(r)
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

func (c *Client) do(r *http.Request) (*answer, error) {
	w, err := c.config.HTTP.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, withoutQuery(err))
	}
	defer w.Body.Close()
	a, err := readAnswer(w)
	if err != nil {
		return nil, err
	}
	if a.status >= http.StatusBadRequest {
		return nil, newError(a)
	}
	return a, nil
}

func readAnswer(w *http.Response) (*answer, error) {
	text, err := io.ReadAll(io.LimitReader(w.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(text) > maxAnswer {
		return nil, fmt.Errorf("read answer: it is larger than %d bytes", maxAnswer)
	}
	return &answer{w.StatusCode, w.Header, text}, nil
}

// withoutQuery removes the query string from an error of net/http, because it contains the check value.
func withoutQuery(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		failed.URL, _, _ = strings.Cut(failed.URL, "?")
	}
	return err
}

// Call sends in as JSON and decodes the response into out. A nil in sends no body; a nil out ignores the response.
// Errors of the server are *Error.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	a, err := c.send(ctx, method, path, body, nil)
	if err != nil || out == nil {
		return err
	}
	return a.decode(out)
}

func (a *answer) decode(out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}
