package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
)

// memoryListener is a listener in memory, so that synctest controls the time.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *memoryListener) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *memoryListener) Addr() net.Addr { return &net.IPAddr{} }

func (p *memoryListener) dial(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// serve runs a server until stop is called, which returns the result of Run.
func serve(t *testing.T, d *apitest.FakeAPI, change func(*api.ServerConfig)) (listener *memoryListener, stop func() error) {
	t.Helper()
	listener = newMemoryListener()
	config := api.ServerConfig{Listener: listener, API: d.API, Log: d.API.Config().Log}
	if change != nil {
		change(&config)
	}
	s, err := api.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return listener, func() error {
		cancel()
		return <-ended
	}
}

// send writes a request and returns the response.
func send(t *testing.T, c net.Conn, r *http.Request) (*http.Response, string) {
	t.Helper()
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	w, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w, string(text)
}

func TestServerHoldsAConnectionForTheWholeWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t)
		d.Queue.Hold = true
		listener, stop := serve(t, d, nil)
		conn := listener.dial(t)
		begin := time.Now()
		w, body := send(t, conn, apitest.Call{Body: `{}`}.Request())
		if waited := time.Since(begin); w.StatusCode != 400 || waited != time.Minute+runner.AnswerGrace {
			t.Errorf("%d after %v: %s", w.StatusCode, waited, body)
		}
		if w, body := send(t, conn, apitest.Call{}.Request()); w.StatusCode != 400 {
			t.Errorf("the next request on the connection: %d %s", w.StatusCode, body)
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServerCutsSlowRequests(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text   string
		within time.Duration
	}{
		"header": {"GET /healthz HTTP/1.1\r\nHost: x\r\n", api.HeaderTimeout},
		"body":   {"POST /apis/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{", api.RequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := apitest.NewFakeAPI(t)
				listener, stop := serve(t, d, nil)
				conn := listener.dial(t)
				begin := time.Now()
				if _, err := io.WriteString(conn, tc.text); err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(conn) // until it is cut
				if waited := time.Since(begin); waited < tc.within || waited > tc.within+time.Second {
					t.Errorf("cut after %v", waited)
				}
				if name == "body" && !strings.Contains(string(answer), `"code":408`) {
					t.Errorf("answer %s", answer)
				}
				conn.Close()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServerAnswersWaitersWhenItStops(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		hold   bool // the run outlives the server's patience
		status int
		within time.Duration
	}{
		{"the result comes in time", false, 200, 3 * time.Second},
		{"the result does not come in time", true, 504, 12 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := apitest.NewFakeAPI(t)
				d.Queue.Hold = true
				listener, stop := serve(t, d, func(c *api.ServerConfig) { c.Linger, c.Patience = 2*time.Second, 10*time.Second })
				answered := make(chan *http.Response)
				conn, begin := listener.dial(t), time.Now()
				go func() {
					w, _ := send(t, conn, apitest.Call{}.Request())
					answered <- w
				}()
				synctest.Wait() // the waiter waits
				if !tc.hold {
					time.AfterFunc(tc.within, d.Queue.Release)
				}
				stopped := make(chan error)
				go func() { stopped <- stop() }()
				synctest.Wait() // draining began
				if w, _ := send(t, listener.dial(t), apitest.Call{Path: "/readyz"}.Request()); w.StatusCode != 503 || !w.Close {
					t.Errorf("/readyz while draining: %d, close is %v", w.StatusCode, w.Close)
				}
				w := <-answered
				if waited := time.Since(begin); w.StatusCode != tc.status || waited != tc.within || w.Header.Get(httpx.HeaderRun) == "" {
					t.Errorf("%d after %v: %v", w.StatusCode, waited, w.Header)
				}
				if err := <-stopped; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServerClose(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	listener := newMemoryListener()
	s, err := api.NewServer(api.ServerConfig{Listener: listener, API: d.API, Log: d.API.Config().Log})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("a closed server ran")
	}
}

func TestNewServerDemandsItsParts(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	for _, config := range []api.ServerConfig{
		{},
		{Listener: newMemoryListener(), API: d.API},
		{Listener: newMemoryListener(), API: d.API, Log: d.API.Config().Log, Linger: -1},
	} {
		if _, err := api.NewServer(config); err == nil {
			t.Errorf("a server was made from %+v", config)
		}
	}
}
