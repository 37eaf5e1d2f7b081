package steps

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
)

// stepError is a failure that a retry does not change.
func stepError(format string, args ...any) *flows.Error {
	return &flows.Error{Code: flows.CodeStepFailed, Message: fmt.Sprintf(format, args...)}
}

// limitError converts the rejection of the run's memory account to an *Error with CodeLimit. It returns any other
// error unchanged.
func limitError(err error) error {
	if limit := asLimitError(err); limit != nil {
		return limit
	}
	return err
}

// asLimitError returns the rejection of the run's memory account as an *Error; nil for any other error.
func asLimitError(err error) *flows.Error {
	for _, refusal := range []error{budget.ErrRunLimit, budget.ErrEvicted} {
		if errors.Is(err, refusal) {
			return &flows.Error{Code: flows.CodeLimit, Message: err.Error(), Err: err}
		}
	}
	return nil
}

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
	if limit := asLimitError(err); limit != nil {
		limit.Message = c.name() + ": " + limit.Message
		return limit
	}
	failure := stepError("%s: %s", c.name(), err)
	failure.Err = err
	var known *flows.Error // of a connection, for example, which classifies its own errors
	if errors.As(err, &known) {
		failure.Class, failure.Upstream, failure.RetryAfter = known.Class, known.Upstream, known.RetryAfter
	} else {
		failure.Class = classOf(err)
	}
	return failure
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

// statusError is a response with a status that the step does not expect.
func (c *httpCall) statusError(resp *http.Response) error {
	message := fmt.Sprintf("%s: status %d", c.name(), resp.StatusCode)
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		message += fmt.Sprintf(", a redirect to %s that follow_redirects would follow", urlName(to))
	}
	if excerpt := excerpt(resp); excerpt != "" {
		message += ": " + excerpt
	}
	return &flows.Error{
		Code:       flows.CodeStepFailed,
		Message:    message,
		Upstream:   resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
}

// Limits of the body that is read of an unexpected response, in bytes.
const (
	excerptSize = 200
	drainSize   = 64 << 10 // reading a small rest allows the connection to be reused
)

// excerpt returns the beginning of a text body on one line.
func excerpt(resp *http.Response) string {
	content, _ := io.ReadAll(io.LimitReader(resp.Body, drainSize))
	mediaType, params := contentType(resp.Header)
	if mediaType != "" && !isText(mediaType) || resp.Header.Get("Content-Encoding") != "" {
		return ""
	}
	coding, err := charset(params["charset"])
	if err == nil && coding != nil {
		content, err = coding.NewDecoder().Bytes(content)
	}
	if err != nil || mediaType == "" && !utf8.Valid(content) {
		return ""
	}
	return shortLine(string(content))
}

func shortLine(text string) string {
	line := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(line) > excerptSize {
		line = line[:excerptSize] + "…"
	}
	return strings.ToValidUTF8(line, "")
}

// retryAfter parses seconds or a date (RFC 9110, section 10.2.3); 0 for anything else.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
