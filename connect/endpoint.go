package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// endpoint is a token endpoint (RFC 6749, section 3.2).
type endpoint struct {
	target *url.URL
	http   http.RoundTripper

	client, secret string // client "": no client authentication
	inBody         bool   // client credentials go into the body
	// assertion signs an assertion that authenticates the client; nil: there is none.
	assertion func(time.Time) (string, error)
}

// maxTokenResponse is the maximum size of a response in bytes.
const maxTokenResponse = 256 << 10

// tokenResponse is the response of the endpoint.
type tokenResponse struct {
	token, refresh string
	content        []byte // of an answer in JSON
	life           time.Duration

	failure    string // reason for which there is no token; without text of the server
	final      bool   // the same request would be rejected again
	status     int
	retryAfter time.Duration
}

// request sends one request; an error means that there was no response. It follows no redirect and tries no second
// authentication method, because servers count failures.
func (e *endpoint) request(ctx context.Context, form url.Values) (*tokenResponse, error) {
	if e.client != "" && (e.inBody || e.secret == "") {
		form.Set("client_id", e.client)
		if e.secret != "" {
			form.Set("client_secret", e.secret)
		}
	}
	if e.assertion != nil {
		assertion, err := e.assertion(time.Now())
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion_type", jwtClientAssertion)
		form.Set("client_assertion", assertion)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.client != "" && e.secret != "" && !e.inBody {
		req.SetBasicAuth(url.QueryEscape(e.client), url.QueryEscape(e.secret)) // RFC 6749, section 2.3.1
	}
	resp, content, err := fetchToken(e.http, req)
	if err != nil {
		return nil, err
	}
	return parseTokenResponse(resp, content), nil
}

// fetchToken sends a request for a token. It returns the response, which is closed, and the first maxTokenResponse bytes of its body.
func fetchToken(transport http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenResponse))
	if err != nil {
		return nil, nil, err
	}
	return resp, content, nil
}

// tokenResponseBody is the body of RFC 6749, sections 5.1 and 5.2. Some servers send expires_in as text.
type tokenResponseBody struct {
	AccessToken  string      `json:"access_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    json.Number `json:"expires_in"`
	RefreshToken string      `json:"refresh_token"`
	Error        string      `json:"error"`
}

var (
	errorWord = regexp.MustCompile(`^[a-z_]{1,64}$`)
	tokenText = regexp.MustCompile(`^[\x21-\x7e]+$`)
)

// defaultTokenLife is the lifetime of a token without expires_in: short enough for all known servers, and a 401 renews it
// earlier.
const defaultTokenLife = 5 * time.Minute

func parseTokenResponse(resp *http.Response, content []byte) *tokenResponse {
	var body tokenResponseBody
	unreadable := json.Unmarshal(content, &body) != nil
	a := &tokenResponse{content: content, token: body.AccessToken, refresh: body.RefreshToken, status: resp.StatusCode, life: defaultTokenLife}
	switch {
	case resp.StatusCode != http.StatusOK:
		a.refuse(resp)
		if errorWord.MatchString(body.Error) {
			a.failure += " " + body.Error
		}
	case unreadable || body.AccessToken == "":
		a.failure = "answered without a token"
	case !tokenText.MatchString(body.AccessToken):
		a.failure = "answered with a token that cannot be sent"
	case body.TokenType != "" && !strings.EqualFold(body.TokenType, "bearer"):
		a.failure = "answered with a token that is not a bearer token"
	}
	if seconds, err := body.ExpiresIn.Float64(); err == nil && seconds > 0 && seconds < 10*365*24*3600 {
		a.life = time.Duration(seconds * float64(time.Second))
	}
	return a
}

// refuse notes that the response has no token, because of its status.
func (a *tokenResponse) refuse(resp *http.Response) {
	a.failure = fmt.Sprintf("answered %d", resp.StatusCode)
	a.final = resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		a.retryAfter = time.Duration(seconds) * time.Second
	}
}

// usableUntil reserves time for a request to arrive while the token is valid: a tenth of its lifetime, at most 30 s.
func (a *tokenResponse) usableUntil(now time.Time) time.Time {
	return now.Add(a.life - min(a.life/10, 30*time.Second)).UTC().Round(0)
}
