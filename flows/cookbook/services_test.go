package cookbook_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// services are the services that the flows of the cookbook call, on loopback.
type services struct {
	t   testing.TB
	url string
	db  *flows.Database

	mailers flows.Connections // of the mail server
	runs    int               // so far

	mu      sync.Mutex
	people  []map[string]any // guarded by mu, as are the rest
	calls   []string         // "METHOD path body" of requests that write
	mails   []letter
	answers []flows.Response
	links   map[string]string // callback URLs by key
	journal map[string][]byte
	down    bool // every service refuses
}

// stop makes every service refuse, start ends that.
func (s *services) stop()  { s.outage(true) }
func (s *services) start() { s.outage(false) }

func (s *services) outage(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *services) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// guarded answers 403, which no retry changes, during an outage.
func (s *services) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.isDown() {
			reply(w, 403, map[string]any{"why": "an outage"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func newServices(t testing.TB) *services {
	t.Helper()
	s := &services{t: t, links: map[string]string{}, journal: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /people", s.findPeople)
	mux.HandleFunc("GET /gifts", s.gifts)
	mux.HandleFunc("POST /soap", s.soap)
	mux.HandleFunc("/", s.write)
	server := httptest.NewServer(s.guarded(mux))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// env is the environment of a run, the same for every attempt.
func (s *services) env(others flows.Flows) flows.Env {
	memory := flows.NewMemory()
	vars := map[string]any{"rates": s.url + "/soap"}
	for _, name := range []string{"crm", "web", "warehouse", "payments"} {
		vars[name] = s.url
	}
	return flows.Env{
		HTTP: http.DefaultTransport, Connections: s, Vars: vars, State: memory, Pace: memory, Flows: others,
		Journal: s, Deliver: s, Callbacks: s, Parks: true, Respond: s.respond,
	}
}

// Deliver accepts webhooks.
func (s *services) Deliver(_ context.Context, d flows.Delivery) (id, state string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return "", "", errors.New("an outage")
	}
	s.calls = append(s.calls, fmt.Sprintf("webhook %s %v for %s: %s %s", d.URL, d.Secrets, d.Receiver, d.Type, d.Data))
	return "msg_" + d.Receiver, "pending", nil
}

// findPeople finds by address, or by time of change, one person to a page.
func (s *services) findPeople(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	found := []map[string]any{}
	for _, p := range s.people {
		if email := q.Get("email"); email != "" && p["email"] == email || email == "" && fmt.Sprint(p["changed_at"]) > q.Get("changed_after") {
			found = append(found, p)
		}
	}
	if q.Get("changed_after") != "" && len(found) > 1 {
		next := *r.URL
		q.Set("changed_after", fmt.Sprint(found[0]["changed_at"]))
		next.RawQuery = q.Encode()
		w.Header().Set("Link", "<"+s.url+next.String()+`>; rel="next"`)
		found = found[:1]
	}
	reply(w, 200, map[string]any{"value": found})
}

func (s *services) gifts(w http.ResponseWriter, r *http.Request) {
	pages := map[string]string{
		"":   `{"value": [{"id": 1, "donor": "Ann, née Lee", "amount": 10.50, "received_on": "2026-11-03", "status": "received"}], "next": "p2"}`,
		"p2": `{"value": [{"id": 2, "donor": "Bob", "amount": 5, "received_on": "2026-11-02", "status": "received"}, {"id": 3, "status": "pledged"}], "next": null}`,
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, pages[r.URL.Query().Get("cursor")])
}

func (s *services) soap(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	said := string(body)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	answer := "<m:GetRateResponse xmlns:m=\"https://rates.example.org/\"><m:Rate>1.1842</m:Rate></m:GetRateResponse>"
	switch {
	case r.Header.Get("SOAPAction") != `"https://rates.example.org/GetRate"` || !strings.Contains(said, "<GetRate xmlns=\"https://rates.example.org/\"><From>GBP</From>"):
		s.t.Errorf("the SOAP service was sent %s", said)
	case !strings.Contains(said, "<To>EUR</To>"):
		w.WriteHeader(500)
		answer = "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>unknown currency</faultstring></soap:Fault>"
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>%s</soap:Body></soap:Envelope>`, answer)
}

// write accepts valid changes and refuses others.
func (s *services) write(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path+" "+string(body))
	switch {
	case strings.HasPrefix(r.URL.Path, "/refuse"):
		reply(w, 403, map[string]any{"why": "not today"})
	case r.Method == http.MethodPost && r.URL.Path == "/people":
		var p map[string]any
		_ = json.Unmarshal(body, &p)
		p["id"] = len(s.people) + 1
		s.people = append(s.people, p)
		reply(w, 201, p)
	default:
		reply(w, 201, map[string]any{"id": "new", "paid": 2000})
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// school is the database of the SQL flow.
func (s *services) school() {
	d := testenv.Postgres(s.t)
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.Address(), Path: d.Name, RawQuery: "sslmode=disable"}
	db, err := sql.Open("pgx", dsn.String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	for _, statement := range []string{
		"create table pupils (id int primary key, first_name text, last_name text, year_group int)",
		"create table parents (pupil int, name text, email text)",
		"insert into pupils values (7, 'Zoë', 'Hall', 9)",
		"insert into parents values (7, 'Bob', null), (7, 'Ann', 'ann@b.org'), (8, 'Cy', 'c@d.org')",
	} {
		if _, err := db.ExecContext(s.t.Context(), statement); err != nil {
			s.t.Fatal(err)
		}
	}
	s.db = &flows.Database{DB: db, Dialect: flows.Postgres}
}

func (s *services) HTTP(context.Context, string) (flows.HTTPConnection, error) {
	return nil, errors.ErrUnsupported
}

func (s *services) SQL(context.Context, string) (*flows.Database, error) {
	if s.isDown() {
		return nil, errors.New("an outage")
	}
	return s.db, nil
}

// SFTP implements flows.Connections.
func (s *services) SFTP(context.Context, string) (flows.SFTPServer, error) {
	return nil, errors.ErrUnsupported
}

// S3 implements flows.Connections.
func (s *services) S3(context.Context, string, string) (flows.Bucket, error) {
	return nil, errors.ErrUnsupported
}

func (s *services) respond(_ context.Context, a flows.Response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a)
	return nil
}

func (s *services) URL(key string, _ time.Time, _ int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[key] = "https://door/" + key
	return s.links[key], nil
}

func (s *services) Start(_ context.Context, key string, _ flows.Effect) (flows.Recorded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return flows.Recorded{Result: s.journal[key]}, nil
}

func (s *services) Finish(_ context.Context, key string, result []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal[key] = result
	return nil
}
