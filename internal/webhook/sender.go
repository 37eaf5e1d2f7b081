package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/outbound"
)

const (
	tryTimeout    = 15 * time.Second       // of one request, with its response; below the drain of a worker
	recordTimeout = 10 * time.Second       // for which a Redis that does not answer is waited for
	maxExcerpt    = 500                    // bytes of a response that are recorded
	maxResponse   = 64 << 10               // bytes of a response that are read, so that the connection can be used again
	maxPause      = 24 * time.Hour         // longest pause that Retry-After may ask for
	placeWait     = 100 * time.Millisecond // for which a task waits for a request to the same endpoint to end
	busyPause     = 5 * time.Second        // before a delivery to a busy endpoint is looked at again, or longer: see pendingPause
	pendingPause  = 10 * time.Millisecond  // likewise, for each pending delivery of the flow, so that workers look at 100 of them a second at most
	faultPause    = 10 * time.Second       // after a fault of ours, such as a lost worker
	early         = 2 * time.Second        // by which a task may come before its time: asynq's clock has whole seconds
	statusGone    = http.StatusGone
	jitter        = 0.2 // part of a pause by which it may be longer
	userAgent     = "Penstock"
)

// pauses are the pauses before the tries of a delivery, from the one before. Read only.
var pauses = []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}

// Secrets finds stored secrets. Errors name the secret and do not contain it.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Meter counts tries. Its methods must not block.
type Meter interface {
	// WebhookTried counts a try by the state of the delivery after it, see State.
	WebhookTried(state string, took time.Duration)
	// WebhookEndpointDisabled counts an endpoint that was disabled because it failed.
	WebhookEndpointDisabled(reason string)
}

// SenderConfig configures a Sender. All but Meter are required.
type SenderConfig struct {
	Store   *Store
	HTTP    http.RoundTripper // must block private networks and not follow redirects, as outbound.New does
	Secrets Secrets
	Log     *slog.Logger
	Slots   int // deliveries that this process sends at once
	Meter   Meter
}

// Sender sends deliveries: it is the handler of their asynq tasks. Safe for concurrent use.
type Sender struct {
	config SenderConfig
	client *http.Client

	mu   sync.Mutex
	busy map[string]*places // guarded by mu; by host
}

// NewSender returns a Sender.
func NewSender(config SenderConfig) (*Sender, error) {
	if config.Store == nil || config.HTTP == nil || config.Secrets == nil || config.Log == nil || config.Slots < 1 {
		return nil, errors.New("new webhook sender: Store, HTTP, Secrets, Log and a slot are required")
	}
	return &Sender{
		config: config, busy: map[string]*places{},
		client: &http.Client{Transport: config.HTTP, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Slots returns the number of deliveries that this process sends at once.
func (s *Sender) Slots() int { return s.config.Slots }

// laterError makes asynq repeat a task after a pause.
type laterError struct {
	reason string
	pause  time.Duration
}

func (e *laterError) Error() string { return e.reason }

// RetryDelay is the asynq.RetryDelayFunc of deliveries.
func (s *Sender) RetryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var later *laterError
	if errors.As(err, &later) {
		return later.pause
	}
	return faultPause
}

// ProcessTask makes one try of a delivery. It returns nil when the task is done, and otherwise why it is repeated,
// which asynqmon shows.
func (s *Sender) ProcessTask(ctx context.Context, t *asynq.Task) error {
	flow, id, round, err := parseTask(t)
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	}
	d, err := s.config.Store.Delivery(ctx, flow, id)
	if errors.Is(err, ErrNotFound) {
		return nil // its retention is over
	}
	if err != nil {
		return err
	}
	if d.State != Pending || d.round != round {
		return nil
	}
	if wait := d.Next.Sub(s.config.Store.config.Now()); wait > early {
		return &laterError{"the worker of the last try was lost", wait}
	}
	h, err := s.config.Store.health(ctx, d)
	if err != nil {
		return err
	}
	if h.disabled {
		return s.config.Store.disable(ctx, d)
	}
	host := hostOf(d)
	if !s.enter(ctx, host, h.failing) {
		return &laterError{"the endpoint is busy", longer(max(busyPause, time.Duration(h.pending)*pendingPause))}
	}
	defer s.leave(host)
	return s.try(ctx, d)
}

// hostOf returns the host to which a delivery goes.
func hostOf(d *Delivery) string {
	u, err := url.Parse(d.URL)
	if err != nil {
		return d.Endpoint
	}
	return u.Host
}

func parseTask(t *asynq.Task) (flow int64, id string, round int, err error) {
	parts := strings.Split(string(t.Payload()), "/")
	if t.Type() != TaskType || len(parts) != 3 {
		return 0, "", 0, fmt.Errorf("task type %q is not ours", t.Type())
	}
	flow, err = strconv.ParseInt(parts[0], 10, 64)
	if err == nil {
		round, err = strconv.Atoi(parts[2])
	}
	return flow, parts[1], round, err
}

// places are the requests to one host that are under way.
type places struct {
	taken int
	freed chan struct{} // closed when a place is left
	last  time.Time     // when a place was left; at first when one was taken
}

// enter takes one of the places of a host, and waits for it shortly if the host answers fast. A host has a
// part of the slots, so that the others are left to other hosts: most while it answers, few and without a wait while
// it fails, because its requests may take until their time limit.
func (s *Sender) enter(ctx context.Context, host string, failing bool) bool {
	most, wait := max(1, s.config.Slots*3/4), placeWait
	if failing {
		most, wait = max(1, s.config.Slots/4), 0
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		s.mu.Lock()
		p := s.busy[host]
		if p == nil {
			p = &places{freed: make(chan struct{}), last: time.Now()}
			s.busy[host] = p
		}
		if p.taken < most {
			p.taken++
			s.mu.Unlock()
			return true
		}
		freed, slow := p.freed, time.Since(p.last) > placeWait
		s.mu.Unlock()
		if slow {
			return false
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return false
		}
	}
}

func (s *Sender) leave(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.busy[host]
	close(p.freed)
	if p.taken--; p.taken == 0 {
		delete(s.busy, host)
		return
	}
	p.freed, p.last = make(chan struct{}), time.Now()
}

// try sends a delivery once and records what came of it.
func (s *Sender) try(ctx context.Context, d *Delivery) error {
	now := s.config.Store.config.Now
	t := Try{At: now().UTC()}
	began := time.Now()
	wanted := s.send(ctx, d, &t)
	took := time.Since(began)
	t.Millis = took.Milliseconds()
	if cause := context.Cause(ctx); t.Error != "" && cause != nil {
		return fmt.Errorf("try webhook: %w", cause) // the worker stops: this was no try of the endpoint
	}
	state, next := s.after(d, &t, wanted)
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout) // it is sent, also when the worker stops
	defer cancel()
	state, reason, err := s.config.Store.record(storing, d, t, state, next)
	if err != nil {
		return err
	}
	s.report(ctx, d, &t, state, reason, took)
	if state != Pending {
		return nil
	}
	return &laterError{t.Error, next.Sub(now())}
}

// after returns the state of a delivery after a try, and when the next one is due. wanted is the pause that the
// response asks for.
func (s *Sender) after(d *Delivery, t *Try, wanted time.Duration) (State, time.Time) {
	now := s.config.Store.config.Now()
	switch n := d.count + 1; {
	case t.Error == "":
		return Delivered, now
	case t.Status == statusGone || n >= len(pauses):
		return Failed, now
	default:
		return Pending, now.Add(max(longer(pauses[n]), min(wanted, maxPause)))
	}
}

// longer returns a pause that is up to a fifth longer, at random, so that what was put off together does not come back
// together.
func longer(pause time.Duration) time.Duration {
	return pause + time.Duration(rand.Float64()*jitter*float64(pause))
}

// send makes the request, sets what came of it, and returns the pause that the response asks for.
func (s *Sender) send(ctx context.Context, d *Delivery, t *Try) (wanted time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := s.request(ctx, d, t.At)
	if err != nil {
		t.Error = err.Error()
		return 0
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Error = reasonOf(err)
		return 0
	}
	defer resp.Body.Close()
	t.Status = resp.StatusCode
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if t.Status/100 == 2 {
		return 0 // the endpoint has accepted it, whatever comes of the body
	}
	t.Error = "status " + strconv.Itoa(t.Status)
	if t.Status/100 == 3 {
		t.Error += ": redirects are not followed"
	}
	if err == nil {
		t.Response = excerpt([]byte(echoes(req).Replace(string(text))))
	}
	return outbound.RetryAfter(resp.Header.Get("Retry-After"), t.At)
}

func (s *Sender) request(ctx context.Context, d *Delivery, at time.Time) (*http.Request, error) {
	keys, err := SigningKeys(ctx, s.config.Secrets, d.secrets, d.receiver)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.target, bytes.NewReader(d.Body))
	if err != nil {
		return nil, errors.New("the URL cannot be parsed")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Webhook-Id", d.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", sign(keys, d.ID, at, d.Body))
	return req, nil
}

// SigningKeys finds the secrets with the given names and returns the keys that sign for a receiver; empty: for all.
// Errors name the secret and do not contain it.
func SigningKeys(ctx context.Context, secrets Secrets, names []string, receiver string) ([][]byte, error) {
	keys := make([][]byte, len(names))
	for i, name := range names {
		text, err := secrets.Secret(ctx, name)
		if err != nil {
			return nil, err
		}
		if keys[i], err = ParseSecret(text); err != nil {
			return nil, fmt.Errorf("the secret %q %w", name, err)
		}
		if receiver != "" {
			keys[i] = ReceiverKey(text, receiver)
		}
	}
	return keys, nil
}

// report logs and counts a try. What it logs of the URL is the host.
func (s *Sender) report(ctx context.Context, d *Delivery, t *Try, state State, reason string, took time.Duration) {
	host := hostOf(d)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("delivery", d.ID), slog.Int64("flow", d.Flow), slog.String("run_id", d.Run), slog.String("host", host),
		slog.Int("try", d.count+1), slog.String("state", string(state)), slog.Int("status", t.Status), slog.Int64("took_ms", t.Millis),
	}
	if t.Error != "" {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", t.Error))
	}
	s.config.Log.LogAttrs(ctx, level, "webhook", attrs...)
	if reason != "" {
		s.config.Log.WarnContext(ctx, "webhook endpoint disabled", "flow", d.Flow, "endpoint", d.Endpoint, "host", host, "reason", reason)
	}
	if s.config.Meter == nil {
		return
	}
	s.config.Meter.WebhookTried(string(state), took)
	if reason != "" {
		s.config.Meter.WebhookEndpointDisabled(reason)
	}
}

// reasonOf returns the error of a request without its URL.
func reasonOf(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no response within %v", tryTimeout)
	}
	return excerpt([]byte(err.Error()))
}

// minEcho is the minimum length of a secret that is masked in responses; shorter texts may be ordinary words.
const minEcho = 4

// echoes returns a replacer that masks the secrets of a request in its response: those in the URL, and the signatures.
func echoes(req *http.Request) *strings.Replacer {
	secrets := strings.Fields(req.Header.Get("Webhook-Signature"))
	secrets = append(secrets, req.URL.RawQuery)
	for _, values := range req.URL.Query() {
		secrets = append(secrets, values...)
	}
	if password, given := req.URL.User.Password(); given {
		basic := base64.StdEncoding.EncodeToString([]byte(req.URL.User.Username() + ":" + password))
		secrets = append(secrets, password, req.URL.User.String(), basic)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	var pairs []string
	for _, s := range secrets {
		if len(s) >= minEcho {
			pairs = append(pairs, s, mask.Text, url.QueryEscape(s), mask.Text)
		}
	}
	return strings.NewReplacer(pairs...)
}

// excerpt returns the beginning of a text on one line.
func excerpt(text []byte) string {
	line := strings.Join(strings.FieldsFunc(string(text[:min(len(text), maxExcerpt)]), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	return strings.ToValidUTF8(line, "")
}
