package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"time"
)

// Option changes one call.
type Option func(*callOptions)

type callOptions struct {
	key    string
	header http.Header
}

// IdempotencyKey sets the key of a call, of 1 to 255 printable ASCII characters, instead of a random one. Calls of one
// operation with the same key and the same request are one run, for 24 hours, also after the program was restarted.
func IdempotencyKey(key string) Option { return func(o *callOptions) { o.key = key } }

// Header sets a header of the request.
func Header(name, value string) Option { return func(o *callOptions) { o.header.Set(name, value) } }

// Ptr returns a pointer to a value, for optional parameters and members.
func Ptr[T any](v T) *T { return &v }

// send performs one logical call. Its attempts share one Idempotency-Key.
func (c *Client) send(ctx context.Context, q *request, options []Option) (*Response, error) {
	if q.err != nil {
		return nil, q.err
	}
	o := callOptions{header: http.Header{"Accept": {"application/json"}}}
	if q.download {
		o.header.Set("Accept", "*/*")
	}
	maps.Copy(o.header, q.header)
	if q.keyed {
		o.key = rand.Text()
	}
	body, contentType, err := q.content()
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		o.header.Set("Content-Type", contentType)
	}
	for _, option := range options {
		option(&o)
	}
	if o.key != "" {
		o.header.Set("Idempotency-Key", o.key)
	}
	may := func() bool { return repeatable(q.method, o.key) && body.repeatable() }
	return c.retry(ctx, may, func() (*Response, error) { return c.attempt(ctx, q, o.header, &body) })
}

// repeatable reports whether a request may be sent twice: a repeated POST or PATCH is one run only with a key.
func repeatable(method, key string) bool {
	return key != "" || method != http.MethodPost && method != http.MethodPatch
}

// attempt sends a request once, and once more with a new token if the one of the API client is not accepted.
func (c *Client) attempt(ctx context.Context, q *request, header http.Header, body *content) (*Response, error) {
	path := q.path
	if query := q.query.Encode(); query != "" {
		path += "?" + query
	}
	for renewed := false; ; renewed = true {
		h, token := header.Clone(), ""
		if !q.public {
			var err error
			if token, err = c.authorize(ctx, q.method, c.target(path), h, body); err != nil {
				return nil, err
			}
		}
		answer, err := c.exchange(ctx, q.method, path, h, *body, q.download)
		var refused *Error
		if token == "" || renewed || !body.repeatable() || !errors.As(err, &refused) || !refused.tokenEnded() {
			return answer, err
		}
		c.token.drop(token)
	}
}

// retry repeats an attempt that the server had no room for, or that did not reach it.
func (c *Client) retry(ctx context.Context, may func() bool, attempt func() (*Response, error)) (*Response, error) {
	for i := 0; ; i++ {
		answer, err := attempt()
		if err == nil || i >= c.config.Retries || !may() {
			return answer, err
		}
		wait, again := c.pause(err, i)
		if deadline, ok := ctx.Deadline(); !again || ok && time.Until(deadline) <= wait {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w; the call had failed: %w", context.Cause(ctx), err)
		}
	}
}

// pause is the time before the next attempt: at least Retry-After, which is never shortened, else 0.25 s, 0.5 s, 1 s and so
// on with jitter. False: the error is final.
func (c *Client) pause(err error, attempt int) (time.Duration, bool) {
	backoff := min(250*time.Millisecond<<min(attempt, 10), c.config.MaxWait)
	var refused *Error
	var away *unreachable
	switch {
	case errors.As(err, &refused):
		if !refused.temporary() || refused.RetryAfter > c.config.MaxWait {
			return 0, false
		}
		return refused.RetryAfter + jitter(backoff), true
	case errors.As(err, &away) && !errors.Is(err, context.Canceled):
		return jitter(backoff), true
	}
	return 0, false
}

// jitter is a random time between a half of d and d, so that callers who were refused together do not come again together.
func jitter(d time.Duration) time.Duration {
	return d/2 + mathrand.N(d/2+1)
}
