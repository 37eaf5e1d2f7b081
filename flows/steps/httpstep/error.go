package httpstep

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/payload"
)

// name returns the request for messages, without query and user information, which may contain credentials.
func (c *httpCall) name() string {
	return c.method + " " + urlName(c.url)
}

func urlName(u *url.URL) string { return origin(u) + u.EscapedPath() }

// finalError is a failure that a retry would repeat: a rejected redirect, or a body that cannot be parsed.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func finalErrorf(format string, args ...any) error {
	return finalError{fmt.Errorf(format, args...)}
}

// failure returns the error of a call without a usable response.
func (c *httpCall) failure(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the outer error's text shows the whole URL
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.name(), ctx.Err())
	}
	if limit := failure.AsLimit(err); limit != nil {
		limit.Message = c.name() + ": " + limit.Message
		return limit
	}
	failed := failure.Errorf("%s: %s", c.name(), err)
	failed.Err = err
	var known *flows.Error // of a connection, for example, which classifies its own errors
	if errors.As(err, &known) {
		failed.Class, failed.Upstream, failed.RetryAfter = known.Class, known.Upstream, known.RetryAfter
	} else {
		failed.Class = classOf(err)
	}
	return failed
}

// classOf returns whether a retry may help. It does not for an address rejected by the dial policy or an invalid
// certificate.
func classOf(err error) flows.Class {
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &finalError{}), errors.Is(err, fs.ErrPermission), errors.As(err, &certificate):
		return ""
	case errors.As(err, &network) && network.Timeout():
		return flows.ClassTimeout
	}
	return flows.ClassNetwork
}

// statusError is a response with a status that the step does not expect. body is what was read of it.
func (c *httpCall) statusError(resp *http.Response, body []byte, charset string) error {
	message := fmt.Sprintf("%s: status %d", c.name(), resp.StatusCode)
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		message += fmt.Sprintf(", a redirect to %s that follow_redirects would follow", urlName(to))
	}
	return &flows.Error{
		Code:       flows.CodeStepFailed,
		Message:    message,
		Excerpt:    excerpt(resp, body, charset),
		Upstream:   resp.StatusCode,
		RetryAfter: outbound.RetryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
}

// drainSize limits the body that is read of an unexpected response, in bytes. Reading a small rest allows the
// connection to be reused.
const drainSize = 64 << 10

// readRefusal reads the body of an unexpected response, as far as drainSize.
func readRefusal(resp *http.Response) []byte {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, drainSize)) // what came before an error is of use
	return text
}

// excerpt returns the beginning of a text body on one line, of JSON without the values of fields that sound like secrets. charset is that of the step, "" for that of the response.
func excerpt(resp *http.Response, text []byte, charset string) string {
	mediaType, params := contentType(resp.Header)
	if mediaType != "" && !isText(mediaType) || resp.Header.Get("Content-Encoding") != "" {
		return ""
	}
	coding, err := payload.Charset(cmp.Or(charset, params["charset"]))
	if err == nil && coding != nil {
		text, err = coding.NewDecoder().Bytes(text)
	}
	if err != nil || mediaType == "" && !utf8.Valid(text) {
		return ""
	}
	masked := mask.New().JSON(mask.Of(resp.Request.Context()).Text(string(text))) // a secret must not be cut
	return failure.ShortLine(masked)
}
