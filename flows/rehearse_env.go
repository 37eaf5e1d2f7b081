package flows

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/sqlrecorder"
	"github.com/penstock/penstock/internal/firstbytes"
	"github.com/penstock/penstock/internal/payload"
)

// env returns an environment that records what is asked of it, and does nothing.
func (r *rehearsal) env(base RehearsalEnv) Env {
	state := rehearsedState{r}
	return Env{
		Vars: base.Vars, Journal: r, HTTP: rehearsedHTTP{r: r}, Connections: rehearsedConnections{r, base.Connection}, Secrets: rehearsedSecrets{},
		Scripts: base.Scripts, State: state, Pace: state, Flows: base.Flows, Emit: rehearsedEmitter{r}, Topics: rehearsedTopics{r}, Deliver: rehearsedDeliverer{r},
		Callbacks: rehearsedCallbacks{r}, Memory: base.Memory,
		Respond: func(ctx context.Context, a Response) error {
			r.note(ctx, responseRequest(r, &a))
			return nil
		},
	}
}

// errNotSent is the error of everything that a rehearsal would have sent.
var errNotSent = errors.New("a rehearsal sends nothing")

// effectKey is the key of the context's value for the effect of the step that is being executed.
type effectKey struct{}

func withEffect(ctx context.Context, e *RehearsedEffect) context.Context {
	return context.WithValue(ctx, effectKey{}, e)
}

// note records a request of the step that is being executed. It returns false for a step without an effect of its own.
func (r *rehearsal) note(ctx context.Context, request map[string]any) bool {
	e, _ := ctx.Value(effectKey{}).(*RehearsedEffect)
	if e == nil || e.nested {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e.requests = append(e.requests, withoutNull(request))
	return true
}

// withoutNull removes the members that are null or empty text, which stand for absent ones.
func withoutNull(object map[string]any) map[string]any {
	for name, v := range object {
		if v == nil || v == "" {
			delete(object, name)
		}
	}
	return object
}

// The sizes in bytes up to which bodies are compared by their contents: a larger body, or one after so many others, is
// compared by its SHA-256.
const (
	maxRehearsedBody   = 256 << 10
	maxRehearsedBodies = 4 << 20 // of one rehearsal
)

// body returns a request body as a value of JSON.
func (r *rehearsal) body(contentType string, content io.Reader) (any, error) {
	text, sum := firstbytes.New(maxRehearsedBody), sha256.New()
	size, err := io.Copy(io.MultiWriter(sum, text), content)
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	r.mu.Lock()
	r.bodies += min(size, maxRehearsedBody)
	long := size > maxRehearsedBody || r.bodies > maxRehearsedBodies
	r.mu.Unlock()
	if long {
		return map[string]any{"bytes": size, "sha256": hex.EncodeToString(sum.Sum(nil))}, nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	switch payload.FormOf(media) {
	case payload.JSON:
		if v, err := DecodeJSON(text.Bytes()); err == nil {
			return v, nil
		}
	case payload.URLEncoded:
		if form, err := url.ParseQuery(text.String()); err == nil {
			return valuesOf(form), nil
		}
	}
	return strings.ToValidUTF8(text.String(), "\uFFFD"), nil
}

// valuesOf returns lists of texts by name as a value of JSON: a list of one is its text.
func valuesOf(all map[string][]string) map[string]any {
	object := make(map[string]any, len(all))
	for name, values := range all {
		if object[name] = textList(values); len(values) == 1 {
			object[name] = values[0]
		}
	}
	return object
}

// textList returns texts as a value of JSON; nil for none.
func textList(texts []string) any {
	if len(texts) == 0 {
		return nil
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// rehearsedHTTP is an http.RoundTripper and an HTTPConnection.
type rehearsedHTTP struct {
	r          *rehearsal
	connection string // empty: none
}

// Allows implements HTTPConnection.
func (rehearsedHTTP) Allows(*url.URL) bool { return true }

// Base stands for that of the connection.
func (h rehearsedHTTP) Base(context.Context) (string, error) {
	return "https://" + h.connection + ".invalid", nil
}

// Model implements ModelConnection.
func (h rehearsedHTTP) Model() *ModelAPI {
	return &ModelAPI{Base: "https://" + h.connection + ".invalid"}
}

// Transport implements HTTPConnection.
func (h rehearsedHTTP) Transport(base http.RoundTripper) http.RoundTripper {
	if inner, ok := base.(rehearsedHTTP); ok && inner.connection != "" { // several connections
		h.connection += ", " + inner.connection
	}
	return h
}

// Clone returns a transport with the same behavior, for steps that set certificate authorities.
func (h rehearsedHTTP) Clone() *http.Transport {
	t := &http.Transport{}
	t.RegisterProtocol("http", h)
	t.RegisterProtocol("https", h)
	return t
}

// RoundTrip implements http.RoundTripper.
func (h rehearsedHTTP) RoundTrip(req *http.Request) (*http.Response, error) {
	headers := map[string]any{}
	contentType := req.Header.Get("Content-Type")
	boundary := ""
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		boundary = params["boundary"] // random
	}
	for name, values := range req.Header {
		text := strings.Join(values, ", ")
		if name = strings.ToLower(name); name == "content-type" && boundary != "" {
			text = strings.ReplaceAll(text, boundary, "boundary")
		}
		if !h.generated(req.Context(), name, text) {
			headers[name] = text
		}
	}
	if req.Host != req.URL.Host {
		headers["host"] = req.Host
	}
	target := *req.URL
	password, _ := target.User.Password()
	request := map[string]any{"method": req.Method, "headers": headers, "connection": h.connection, "user": target.User.Username(), "password": password}
	if target.RawQuery != "" {
		request["query"] = valuesOf(target.Query())
	}
	target.User, target.RawQuery, target.ForceQuery = nil, "", false
	request["url"] = target.String()
	if req.Body != nil {
		defer req.Body.Close()
		body, err := h.r.body(contentType, req.Body)
		if err != nil {
			return nil, err
		}
		if text, ok := body.(string); ok && boundary != "" {
			body = strings.ReplaceAll(text, boundary, "boundary")
		}
		request["body"] = body
	}
	h.r.note(req.Context(), request)
	if h.r.responses != nil {
		return h.r.responses.respond(req)
	}
	return nil, errNotSent
}

// generated reports whether a header is none of the flow: the name of the program, or a key made of the step's name and item.
func (rehearsedHTTP) generated(ctx context.Context, name, text string) bool {
	e, _ := ctx.Value(effectKey{}).(*RehearsedEffect)
	return name == "user-agent" && strings.HasPrefix(text, "Penstock/") ||
		name == "idempotency-key" && e != nil && strings.HasSuffix(text, "."+e.Key)
}

// rehearsedConnections implements Connections.
type rehearsedConnections struct {
	r        *rehearsal
	typeName func(ctx context.Context, name string) (string, error)
}

// HTTP implements Connections.
func (c rehearsedConnections) HTTP(ctx context.Context, name string) (HTTPConnection, error) {
	_, err := c.typeName(ctx, name)
	return rehearsedHTTP{c.r, name}, err
}

// SQL implements Connections.
func (c rehearsedConnections) SQL(ctx context.Context, name string) (*Database, error) {
	dialect, err := c.typeName(ctx, name)
	if err != nil {
		return nil, err
	}
	db := sqlrecorder.Open(func(ctx context.Context, statement string, args []any) {
		request := map[string]any{"connection": name, "statement": statement}
		if len(args) > 0 {
			request["args"] = args
		}
		c.r.note(ctx, request)
	}, errNotSent)
	return &Database{DB: db, Dialect: Dialect(dialect), OnRelease: func() { _ = db.Close() }}, nil
}

// Proxy implements Connections. What is recorded does not depend on the proxy.
func (c rehearsedConnections) Proxy(ctx context.Context, name string) (HTTPProxy, error) {
	_, err := c.typeName(ctx, name)
	return rehearsedProxy{}, err
}

// rehearsedProxy implements HTTPProxy.
type rehearsedProxy struct{}

// Transport implements HTTPProxy.
func (rehearsedProxy) Transport(base http.RoundTripper) http.RoundTripper { return base }

// Mail implements Connections.
func (c rehearsedConnections) Mail(ctx context.Context, name string) (Mailer, error) {
	_, err := c.typeName(ctx, name)
	return rehearsedMailer{c.r, name}, err
}

// Client implements Connections. What a module would send is not compared.
func (rehearsedConnections) Client(context.Context, string) (Client, func(), error) {
	return nil, nil, errNotSent
}

// rehearsedMailer implements Mailer.
type rehearsedMailer struct {
	r          *rehearsal
	connection string
}

// Send implements Mailer.
func (m rehearsedMailer) Send(ctx context.Context, mail *Mail) error {
	request := map[string]any{
		"connection": m.connection, "from": mail.From, "to": textList(mail.To), "cc": textList(mail.Cc), "bcc": textList(mail.Bcc),
		"reply_to": textList(mail.ReplyTo), "subject": mail.Subject, "text": mail.Text, "html": mail.HTML,
	}
	headers := map[string]any{}
	for _, h := range mail.Headers {
		headers[h.Name] = h.Value
	}
	var attachments []any
	for _, a := range mail.Attachments {
		content, err := m.r.body(a.ContentType, bytes.NewReader(a.Content))
		if err != nil {
			return err
		}
		attachments = append(attachments, withoutNull(map[string]any{"name": a.Name, "content_type": a.ContentType, "content": content}))
	}
	if len(headers) > 0 {
		request["headers"] = headers
	}
	if attachments != nil {
		request["attachments"] = attachments
	}
	m.r.note(ctx, request)
	return errNotSent
}

// rehearsedSecrets implements Secrets with values by name, which a test may give: a rehearsal needs no secret.
type rehearsedSecrets map[string]string

// Secret implements Secrets.
func (s rehearsedSecrets) Secret(_ context.Context, name string) (string, error) {
	return cmp.Or(s[name], "the secret "+name), nil
}

// rehearsedState implements State and Pacer. A step without a result of its own finds nothing stored, gets its lock, and is in
// time.
type rehearsedState struct{ r *rehearsal }

// Load implements State. Steps that store their own decisions ask for a value of another run, which is unknown.
func (s rehearsedState) Load(ctx context.Context, key string) ([]byte, error) {
	if !s.r.note(ctx, map[string]any{"get": key}) {
		s.r.mu.Lock()
		defer s.r.mu.Unlock()
		if e, _ := ctx.Value(effectKey{}).(*RehearsedEffect); e != nil {
			s.r.stopped = cmp.Or(s.r.stopped, e.Step)
		}
		return nil, errUnanswered
	}
	return nil, nil
}

// Swap implements State.
func (s rehearsedState) Swap(ctx context.Context, c Change) (Swapped, error) {
	what := [...]string{Always: "set", Absent: "set_absent", Equal: "compare_and_set", Free: "set_free"}[c.If]
	s.r.note(ctx, map[string]any{what: c.Key, "to": stored(c.Value), "from": stored(c.Old), "for": lifetime(c.For)})
	return Swapped{Done: true, Value: c.Value}, nil
}

// Add implements State.
func (s rehearsedState) Add(ctx context.Context, a Addition) (int64, error) {
	s.r.note(ctx, map[string]any{"increment": a.Key, "by": a.By, "for": lifetime(a.For)})
	return a.By, nil
}

// Take implements Pacer.
func (rehearsedState) Take(context.Context, string, Rate, time.Duration) (time.Duration, bool, error) {
	return 0, true, nil
}

// stored returns a stored value; nil: none.
func stored(text []byte) any {
	if text == nil {
		return nil
	}
	v, err := DecodeJSON(text)
	if err != nil {
		return string(text)
	}
	return v
}

// lifetime returns a duration as text; empty for zero.
func lifetime(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// rehearsedEmitter implements Emitter.
type rehearsedEmitter struct{ r *rehearsal }

// Emit implements Emitter.
func (e rehearsedEmitter) Emit(ctx context.Context, m Emission) (string, error) {
	request := map[string]any{"flow": m.Flow, "event": m.Event}
	if key, own := strings.CutPrefix(m.Key, "key:"); own {
		request["key"] = key
	}
	if !m.At.IsZero() {
		request["at"] = m.At.UTC().Format(time.RFC3339)
	}
	e.r.note(ctx, request)
	return "rehearsal", nil
}

// rehearsedTopics implements Topics.
type rehearsedTopics struct{ r *rehearsal }

// Audience implements Topics.
func (rehearsedTopics) Audience(context.Context, string) (Audience, error) { return Audience{}, nil }

// Publish implements Topics.
func (t rehearsedTopics) Publish(ctx context.Context, p Publication) (Published, error) {
	request := map[string]any{"topic": p.Topic, "event": p.Event}
	if key, own := strings.CutPrefix(p.Key, "key:"); own {
		request["key"] = key
	}
	t.r.note(ctx, request)
	return Published{}, nil
}

// Await implements Topics.
func (t rehearsedTopics) Await(ctx context.Context, w EventWait) error {
	t.r.note(ctx, map[string]any{"topic": w.Topic, "where": w.Where})
	return nil
}

// Forget implements Topics.
func (rehearsedTopics) Forget(context.Context, EventWait) error { return nil }

// rehearsedDeliverer implements Deliverer.
type rehearsedDeliverer struct{ r *rehearsal }

// Deliver implements Deliverer.
func (d rehearsedDeliverer) Deliver(ctx context.Context, m Delivery) (id, state string, err error) {
	d.r.note(ctx, map[string]any{"url": m.URL, "type": m.Type, "data": stored(m.Data), "secrets": textList(m.Secrets), "receiver": m.Receiver})
	return "rehearsal", "pending", nil
}

// rehearsedCallbacks implements Callbacks.
type rehearsedCallbacks struct{ r *rehearsal }

// URL implements Callbacks. It records that the step with the key waits.
func (c rehearsedCallbacks) URL(key string, _ time.Time, maxBody int64) (string, error) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if e := c.r.waiting[key]; e != nil {
		e.requests = append(e.requests, map[string]any{"max_body": maxBody})
	}
	return "https://penstock.invalid/callbacks/" + key, nil
}

// responseRequest returns a response to the caller as a value of JSON.
func responseRequest(r *rehearsal, a *Response) map[string]any {
	headers := make(map[string]any, len(a.Headers))
	for name, text := range a.Headers {
		headers[name] = text
	}
	request := map[string]any{"status": a.Status, "headers": headers, "file": a.File}
	if a.Items != nil {
		request["body"] = stored(a.Items)
	} else if a.Body != nil {
		request["body"], _ = r.body(a.Headers["content-type"], bytes.NewReader(a.Body)) // reading bytes does not fail
	}
	return request
}
