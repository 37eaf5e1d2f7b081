package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/store"
)

// sessionType logs in at an API with a login of its own, and shares the token of the session among all workers.
func sessionType() Type {
	return Type{
		Name: "session", Summary: "A login that gives the token of a session, which all workers share and renew.", Pinned: true,
		Fields: []Field{
			{Name: "login_url", Required: true, Summary: "Where to log in by POST, https:// (http:// on loopback only)."},
			{Name: "login", Kind: FieldPairs, Required: true, Secret: true, Summary: "What is sent there, one per line: `username: …`."},
			{Name: "login_format", Kind: FieldChoice, Choices: []string{"json", "form"}, Default: "json", Summary: "How it is sent: as a JSON object or as a form."},
			{Name: "token", Default: "token", Summary: "Where the token is in the JSON answer, such as `data.token`, or `header:X-Token`."},
			{Name: "header", Default: "Authorization", Summary: "Header of the requests that takes it."},
			{Name: "value", Default: "Bearer {token}", Summary: "Value of the header, such as `{token}` or `session={token}`."},
			{Name: "lifetime", Kind: FieldNumber, Default: "1200", Summary: "How many seconds a token is used. The answer 401 renews it earlier."},
		},
		open: func(r *Resolver, s settings) (any, error) {
			l, err := newLogin(r, s)
			if err != nil {
				return nil, err
			}
			header := s.Text["header"]
			before, after, ok := strings.Cut(s.Text["value"], "{token}")
			switch {
			case !ok:
				return nil, errors.New("value has no {token} in it")
			case !httpguts.ValidHeaderFieldName(header) || frames(header) || !httpguts.ValidHeaderFieldValue(before+after):
				return nil, errors.New("header or value cannot be sent")
			}
			source := &tokens{
				conn: s.conn, rotated: r.rotation(s.conn), grants: r.grants, log: r.config.Log, what: "its login",
				request: func(ctx context.Context, _ string) (*tokenResponse, bool, error) {
					answer, err := l.request(ctx)
					return answer, false, err
				},
			}
			set := func(req *http.Request, g *store.Grant) { req.Header.Set(header, before+g.AccessToken+after) }
			return (&pinned{wrap: func(base http.RoundTripper) http.RoundTripper { return bearer{base, source, set} }}).sets(header), nil
		},
	}
}

// login is a request for the token of a session.
type login struct {
	target      *url.URL
	http        http.RoundTripper
	body        string
	contentType string
	header      string   // of the answer with the token; empty: it is in the body
	path        []string // names that lead to the token in the body
	life        time.Duration
}

func newLogin(r *Resolver, s settings) (*login, error) {
	target, err := address(s, "login_url")
	if err != nil {
		return nil, err
	}
	pairs, err := readPairs("login", s.Text["login"])
	if err != nil {
		return nil, err
	}
	l := &login{target: target, http: r.config.HTTP, life: time.Duration(s.Number("lifetime")) * time.Second}
	members, form := map[string]string{}, url.Values{}
	for _, p := range pairs {
		members[p.name] = p.value
		form.Add(p.name, p.value)
	}
	if l.body, l.contentType = form.Encode(), "application/x-www-form-urlencoded"; s.Text["login_format"] == "json" {
		encoded, err := json.Marshal(members)
		if err != nil {
			return nil, errors.New("login cannot be written as JSON")
		}
		l.body, l.contentType = string(encoded), "application/json"
	}
	if name, ok := strings.CutPrefix(s.Text["token"], "header:"); ok {
		if l.header = name; !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("token: %q is not a header name", name)
		}
	} else {
		l.path = strings.Split(s.Text["token"], ".")
	}
	return l, nil
}

// request logs in once; an error means that there was no response.
func (l *login) request(ctx context.Context) (*tokenResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.target.String(), strings.NewReader(l.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", l.contentType)
	req.Header.Set("Accept", "application/json")
	resp, content, err := fetchToken(l.http, req)
	if err != nil {
		return nil, err
	}
	a := &tokenResponse{status: resp.StatusCode, life: l.life}
	if resp.StatusCode/100 != 2 {
		a.refuse(resp)
		return a, nil
	}
	if a.token = resp.Header.Get(l.header); l.header == "" {
		a.token = memberText(content, l.path)
	}
	switch {
	case a.token == "":
		a.failure = "answered without a token"
	case !tokenText.MatchString(a.token):
		a.failure = "answered with a token that cannot be sent"
	}
	return a, nil
}

// memberText returns a text or number in JSON by the names that lead to it; empty: it is not there.
func memberText(content []byte, path []string) string {
	for _, name := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(content, &members) != nil {
			return ""
		}
		content = members[name]
	}
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(content, &text) == nil:
		return text
	case json.Unmarshal(content, &number) == nil:
		return number.String()
	}
	return ""
}
