package cookbook_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// zoom is Zoom, with its tokens, and Slack, on loopback.
type zoom struct {
	t   testing.TB
	url *url.URL

	mu          sync.Mutex
	tokens      int                          // granted; guarded by mu, as are the rest
	posts       int                          // requests for registration with a token
	registrants map[string]map[string]string // ids by meeting and address
	throttled   int                          // requests to answer with 429
	lose        func()                       // called once after a registration, whose answer is then lost; nil: none
	told        []string                     // texts at Slack
}

// meetings of the host on two pages.
var zoomPages = map[string]string{
	"":   `{"next_page_token": "p2", "meetings": [{"id": 11, "topic": "Chess", "start_time": "2026-11-24T17:00:00Z"}]}`,
	"p2": `{"next_page_token": "", "meetings": [{"id": 12, "topic": "Choir", "start_time": "2026-11-25T17:00:00Z"}]}`,
}

func newZoom(t testing.TB) *zoom {
	t.Helper()
	z := &zoom{t: t, registrants: map[string]map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", z.token)
	mux.HandleFunc("GET /v2/users/{user}/meetings", z.authorized(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, zoomPages[r.URL.Query().Get("next_page_token")])
	}))
	mux.HandleFunc("POST /v2/{kind}/{id}/registrants", z.authorized(z.register))
	mux.HandleFunc("POST /api/chat.postMessage", z.message)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	var err error
	if z.url, err = url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
	return z
}

// RoundTrip sends what is for Zoom and Slack to the server.
func (z *zoom) RoundTrip(r *http.Request) (*http.Response, error) {
	here := r.Clone(r.Context())
	here.URL.Scheme, here.URL.Host = z.url.Scheme, z.url.Host
	return http.DefaultTransport.RoundTrip(here)
}

// token grants as Zoom does to a server-to-server app.
func (z *zoom) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != "app" || secret != "app-secret" || r.FormValue("grant_type") != "account_credentials" || r.FormValue("account_id") != "acc-1" {
		z.t.Errorf("asked for a token as %s with %v", id, r.Form)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.tokens++
	reply(w, 200, map[string]any{"access_token": "zoom-token", "token_type": "bearer", "expires_in": 3600})
}

func (z *zoom) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer zoom-token" {
			reply(w, 401, map[string]any{"code": 124, "message": "Invalid access token."})
			return
		}
		next(w, r)
	}
}

// refused are the responses of meetings that accept no registrant, by their ids.
var refused = map[string]struct {
	status, code int
	message      string
}{
	"90": {400, 3038, "Meeting is over, you can not register now. If you have any questions, please contact the Meeting host."},
	"91": {404, 3043, "Meeting has reached maximum attendee capacity."},
	"92": {400, 3035, "Webinar has reached maximum attendee capacity."},
	"93": {404, 3001, "Meeting does not exist: 93."},
}

// register adds an address once: a repetition gets the registrant that there is.
func (z *zoom) register(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.posts++
	if z.throttled > 0 {
		z.throttled--
		w.Header().Set("Retry-After", "0")
		reply(w, 429, map[string]any{"code": 429, "message": "You have reached the maximum per-second rate limit for this API. Try again later."})
		return
	}
	id := r.PathValue("id")
	if no, ok := refused[id]; ok {
		reply(w, no.status, map[string]any{"code": no.code, "message": no.message})
		return
	}
	var person struct {
		Email string `json:"email"`
		First string `json:"first_name"`
	}
	if err := json.NewDecoder(r.Body).Decode(&person); err != nil || person.Email == "" || person.First == "" {
		reply(w, 300, map[string]any{"code": 300, "message": "Validation Failed."})
		return
	}
	of := z.registrants[id]
	if of == nil {
		of = map[string]string{}
		z.registrants[id] = of
	}
	if of[person.Email] == "" {
		of[person.Email] = fmt.Sprintf("r%d", len(of)+1)
	}
	if lose := z.lose; lose != nil {
		z.lose = nil
		lose()
		<-r.Context().Done()
		return
	}
	reply(w, 201, map[string]any{"id": json.Number(id), "registrant_id": of[person.Email], "topic": r.PathValue("kind") + " " + id, "start_time": "2026-11-21T10:00:00Z", "join_url": "https://zoom.us/w/" + id + "?tk=" + of[person.Email]})
}

func (z *zoom) message(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Text string `json:"text"`
	}
	_ = json.NewDecoder(r.Body).Decode(&said)
	z.mu.Lock()
	defer z.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer xoxb-1" {
		z.t.Errorf("Slack got the credential %q", r.Header.Get("Authorization"))
	}
	z.told = append(z.told, said.Text)
	reply(w, 200, map[string]any{"ok": true})
}

// env is the environment of runs, with the connections as an administrator stores them.
func (z *zoom) env() flows.Env {
	z.t.Helper()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		z.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	kept, err := store.Open(z.t.Context(), store.Config{Redis: testenv.Redis(z.t).Client(), Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: quiet})
	if err != nil {
		z.t.Fatal(err)
	}
	for _, c := range []store.Connection{
		{Name: "zoom", Type: "oauth2_client", Hosts: []string{"api.zoom.us"}, Settings: map[string]string{
			"client_id": "app", "client_secret": "app-secret", "token_url": z.url.String() + "/oauth/token", "grant_type": "account_credentials", "token_params": "account_id: acc-1",
		}},
		{Name: "slack", Type: "bearer", Hosts: []string{"slack.com"}, Settings: map[string]string{"token": "xoxb-1"}},
	} {
		if _, err := kept.Connections().Put(z.t.Context(), c); err != nil {
			z.t.Fatal(err)
		}
	}
	resolver, err := connect.New(connect.Config{Store: kept, HTTP: http.DefaultTransport, Log: quiet})
	if err != nil {
		z.t.Fatal(err)
	}
	z.t.Cleanup(func() { _ = resolver.Close() })
	memory := flows.NewMemory()
	rooms := map[string]any{}
	for name, room := range map[string]map[string]any{
		"open-day": {"meeting": 21}, "info-evening": {"webinar": 22},
		"over": {"meeting": 90}, "full": {"meeting": 91}, "full-webinar": {"webinar": 92}, "gone": {"meeting": 93},
	} {
		rooms[name] = any(room)
	}
	return flows.Env{
		HTTP: z, Connections: resolver, State: memory, Pace: memory,
		Vars: map[string]any{"rooms": rooms, "host": "events@school.example.org", "channel": "#events"},
	}
}
