package connect

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// testFleet is a store that several processes share.
type testFleet struct {
	t      *testing.T
	redis  *testenv.RedisServer
	master []byte
	logged lockedBuffer
	proxy  *testenv.Proxy // between processes and Redis; nil: none
}

func newTestFleet(t *testing.T) *testFleet {
	t.Helper()
	return &testFleet{t: t, redis: testenv.Redis(t), master: store.NewMasterKey()}
}

// lockedBuffer is a log with concurrent writers.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newProcess is one Resolver of the fleet, and its store.
type testProcess struct {
	*Resolver
	t     *testing.T
	store *store.Store
	http  *http.Transport
}

func (f *testFleet) newProcess() *testProcess {
	t := f.t
	t.Helper()
	sealer, err := store.NewSealer(f.master)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&f.logged, nil))
	client := f.redis.Client()
	if f.proxy != nil {
		client = redis.NewClient(&redis.Options{Addr: f.proxy.Addr})
		t.Cleanup(func() { client.Close() })
	}
	s, err := store.Open(t.Context(), store.Config{Redis: client, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Store: s, HTTP: transport, Log: log, SQLiteDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		transport.CloseIdleConnections()
	})
	return &testProcess{r, t, s, transport}
}

func (p *testProcess) put(c store.Connection) {
	p.t.Helper()
	if err := Check(nil, &c); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.store.Connections().Put(p.t.Context(), c); err != nil {
		p.t.Fatal(err)
	}
}

// call sends a request with the credential of a connection, as the http step does, and returns status and body.
func (p *testProcess) call(ctx context.Context, name, method, url, body string) (int, string, error) {
	conn, err := p.HTTP(ctx, name)
	if err != nil {
		return 0, "", err
	}
	var content io.Reader
	if body != "" {
		content = io.NopCloser(strings.NewReader(body)) // without GetBody
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return 0, "", err
	}
	if !conn.Allows(req.URL) {
		return 0, "", errors.New("not allowed")
	}
	resp, err := conn.Transport(p.http).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	if resp.Request != req {
		p.t.Error("the answer shows another request than the one that was sent")
	}
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

func TestResolverSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	p := f.newProcess()
	ctx := t.Context()
	p.put(store.Connection{Name: "crm", Type: "bearer", Hosts: []string{"crm.example.org"}, Settings: map[string]string{"token": "s3cret"}})
	_, none := p.HTTP(ctx, "none")
	_, asSQL := p.SQL(ctx, "crm")
	_, asMail := p.Mail(ctx, "crm")
	_, secret := p.Secret(ctx, "none")
	for want, err := range map[string]error{
		`there is no connection "none"`: none, `there is no secret "none"`: secret,
		`connection "crm": it is of the type bearer, which sql steps cannot use`:   asSQL,
		`connection "crm": it is of the type bearer, which email steps cannot use`: asMail,
	} {
		var told *flows.Error
		if !errors.As(err, &told) || told.Message != want || told.Class != "" {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f.redis.Kill()
	// A cached connection may be used for a second; after that, the call waits for the unavailable store.
	limit, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var err error
	for err == nil && limit.Err() == nil {
		_, err = p.HTTP(limit, "crm")
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without Redis: %v", err)
	}
}

// A changed connection is used at once, and operations on the old one can end.
func TestChangedConnection(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	ctx := t.Context()
	put := func(file string) *flows.Database {
		p.put(store.Connection{Name: "db", Type: "sqlite", Settings: map[string]string{"file": file}})
		db, err := p.SQL(ctx, "db")
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	first := put("a.db")
	tx, err := first.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := p.SQL(ctx, "db"); err != nil || same.DB != first.DB {
		t.Errorf("an unchanged connection has another pool: %v", err)
	}
	second := put("b.db")
	if second.DB == first.DB {
		t.Error("a changed connection has the old pool")
	}
	if _, err := tx.ExecContext(ctx, "create table t (n int)"); err != nil {
		t.Errorf("what runs on the old pool: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if stats := first.DB.Stats(); stats.OpenConnections != 0 {
		t.Errorf("the old pool keeps %d connections", stats.OpenConnections)
	}
}
