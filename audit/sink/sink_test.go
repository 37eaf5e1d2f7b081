package sink_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/audit/sink"
	"github.com/penstock/penstock/internal/testenv"
)

type exports struct {
	t      *testing.T
	client *redis.Client
	keys   audit.Keys
	log    *audit.Log
}

func newExports(t *testing.T) *exports {
	t.Helper()
	key, err := audit.DeriveKey("k1", []byte("master"))
	if err != nil {
		t.Fatal(err)
	}
	x := &exports{t: t, client: testenv.Redis(t).Client(), keys: audit.Keys{key}}
	x.log = audit.New(audit.Config{Redis: x.client, Keys: x.keys})
	return x
}

func (x *exports) add(from, to int) {
	x.t.Helper()
	for i := from; i <= to; i++ {
		if err := x.log.Add(x.t.Context(), audit.Entry{Actor: "user:ann", Act: "act " + strconv.Itoa(i), Status: 200}); err != nil {
			x.t.Fatal(err)
		}
	}
}

// run runs an exporter until the returned function is called.
func (x *exports) run(s audit.Sink, process string) (stop func()) {
	ctx, cancel := context.WithCancel(x.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := audit.NewExporter(x.log, s, process).Run(ctx); err != nil {
			x.t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

// until waits until the exporter of a sink is at an entry.
func (x *exports) until(kind string, seq int64) audit.Export {
	x.t.Helper()
	var found audit.Export
	testenv.Eventually(x.t, func() string {
		all, err := x.log.Exports(x.t.Context())
		if err != nil {
			return err.Error()
		}
		for _, e := range all {
			if e.Sink == kind && e.Seq >= seq && e.Error == "" {
				found = e
				return ""
			}
		}
		return fmt.Sprintf("entry %d is not exported: %+v", seq, all)
	})
	return found
}

// verified checks that lines are the entries 1 to n.
func (x *exports) verified(text []byte, n int64) {
	x.t.Helper()
	v := &audit.Verifier{Keys: x.keys, Repeats: true}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		e, err := audit.ParseEntry(line)
		if err != nil {
			continue // cut off by the end of a process
		}
		if !v.Add(e) {
			break
		}
	}
	if r := v.Report(); !r.OK || r.From != 1 || r.To != n || r.SignedTo != n {
		x.t.Errorf("%+v %v", r, r.Fault)
	}
}

func TestFileGoesOnAfterARestartAndARotation(t *testing.T) {
	t.Parallel()
	x := newExports(t)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	x.add(1, 5)
	stop := x.run(sink.NewFile(path), "a")
	x.until(audit.SinkFile, 5)
	stop()
	x.add(6, 8)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"act":"cut off`); err != nil { // by the end of the process
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	defer x.run(sink.NewFile(path), "b")()
	x.until(audit.SinkFile, 8)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	x.add(9, 10)
	if e := x.until(audit.SinkFile, 10); e.Lost != 0 || e.Behind != 0 || e.Target != path {
		t.Errorf("%+v", e)
	}
	var all []byte
	for _, name := range []string{path + ".1", path} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if n := strings.Count(string(all), "\n"); n != 11 { // with the line that was cut off
		t.Errorf("%d lines", n)
	}
	x.verified(all, 10)
}

// collector is a stand-in of a server that takes the log.
type collector struct {
	mu      sync.Mutex
	got     bytes.Buffer
	fails   int // answers 500 so often
	largest int // entries that it takes at once; 0: any number
	asked   int
	header  http.Header
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := io.ReadAll(r.Body)
	c.asked++
	c.header = r.Header.Clone()
	switch {
	case err != nil:
	case c.fails > 0:
		c.fails--
		http.Error(w, "not now", http.StatusInternalServerError)
	case c.largest > 0 && bytes.Count(text, []byte("\n")) > c.largest:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	default:
		c.got.Write(text)
		w.WriteHeader(http.StatusNoContent)
	}
}

func TestHTTPTriesAgainUntilTheServerTakesIt(t *testing.T) {
	t.Parallel()
	x := newExports(t)
	c := &collector{fails: 2, largest: 4}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	to, err := sink.NewHTTP(server.URL+"/in?token=s3cret", "X-Token: s3cret")
	if err != nil {
		t.Fatal(err)
	}
	x.add(1, 10)
	stop := x.run(to, "a")
	e := x.until(audit.SinkHTTP, 10)
	stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails != 0 || c.asked < 5 {
		t.Errorf("%d requests, %d failures are left", c.asked, c.fails)
	}
	if c.header.Get("X-Token") != "s3cret" || c.header.Get("Content-Type") != "application/x-ndjson" || c.header.Get("Idempotency-Key") != e.Hash {
		t.Errorf("header %v", c.header)
	}
	if strings.Contains(fmt.Sprint(e), "s3cret") {
		t.Errorf("the state has the secret: %+v", e)
	}
	x.verified(c.got.Bytes(), 10)
}

// While the server is away the state says why and since when, without the secret in the URL.
func TestAnExportThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	x := newExports(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	to, err := sink.NewHTTP("http://"+listener.Addr().String()+"/?token=s3cret", "")
	if err != nil {
		t.Fatal(err)
	}
	x.add(1, 2)
	defer x.run(to, "a")()
	testenv.Eventually(t, func() string {
		all, err := x.log.Exports(t.Context())
		if err != nil || len(all) != 1 || all[0].Error == "" || all[0].Behind != 2 || all[0].Since.IsZero() {
			return fmt.Sprint(all, err)
		}
		if strings.Contains(all[0].Error, "s3cret") {
			t.Errorf("the error has the secret: %s", all[0].Error)
		}
		if late := all[0].Late(all[0].Since.Add(audit.LateAfter)); late == "" || all[0].Late(all[0].Since) != "" {
			t.Errorf("late: %q", late)
		}
		return ""
	})
}

// Two processes that export to one sink take turns: nothing is missing and, while none is stopped, nothing comes twice.
func TestOneProcessExportsAtATime(t *testing.T) {
	t.Parallel()
	x := newExports(t)
	c := new(collector)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	for _, process := range []string{"a", "b"} {
		to, err := sink.NewHTTP(server.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		defer x.run(to, process)()
	}
	x.add(1, 50)
	x.until(audit.SinkHTTP, 50)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := bytes.Count(c.got.Bytes(), []byte("\n")); n != 50 {
		t.Errorf("%d entries came", n)
	}
	x.verified(c.got.Bytes(), 50)
}

// syslogServer reads messages with their lengths before them.
type syslogServer struct {
	mu  sync.Mutex
	got bytes.Buffer // their JSON, in lines
	bad []string
}

func (s *syslogServer) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for {
				size, err := in.ReadString(' ')
				n, wrong := strconv.Atoi(strings.TrimSpace(size))
				if err != nil || wrong != nil {
					return
				}
				message := make([]byte, n)
				if _, err := io.ReadFull(in, message); err != nil {
					return
				}
				s.take(string(message))
			}
		}()
	}
}

func (s *syslogServer) take(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.SplitN(message, " ", 8) // PRI and version, time, host, app, process, id, data, message
	if len(parts) != 8 || parts[0] != "<110>1" || parts[3] != "penstock" || parts[6] != "-" {
		s.bad = append(s.bad, message)
		return
	}
	s.got.WriteString(parts[7] + "\n")
}

func (x *exports) untilTaken(s *syslogServer, n int64) {
	x.t.Helper()
	testenv.Eventually(x.t, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !strings.Contains(s.got.String(), fmt.Sprintf(`"seq":%d,`, n)) {
			return fmt.Sprintf("entry %d has not come", n)
		}
		return ""
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bad) > 0 {
		x.t.Errorf("no messages of RFC 5424: %q", s.bad)
	}
	x.verified(s.got.Bytes(), n)
}

func TestSyslogOverTCPAndTLS(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"tcp", "tls"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			x := newExports(t)
			plain, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := plain.Addr().String()
			listener, trusted := plain, (*tls.Config)(nil)
			certified := httptest.NewUnstartedServer(nil)
			certified.StartTLS()
			t.Cleanup(certified.Close)
			if scheme == "tls" {
				listener = tls.NewListener(plain, &tls.Config{Certificates: certified.TLS.Certificates})
				pool := x509.NewCertPool()
				pool.AddCert(certified.Certificate())
				trusted = &tls.Config{RootCAs: pool}
			}
			t.Cleanup(func() { _ = listener.Close() })
			s := new(syslogServer)
			go s.serve(listener)
			to, err := sink.NewSyslog(scheme+"://"+address, trusted)
			if err != nil {
				t.Fatal(err)
			}
			x.add(1, 3)
			stop := x.run(to, "a")
			x.untilTaken(s, 3)
			stop()
			x.add(4, 5)
			again, err := sink.NewSyslog(scheme+"://"+address, trusted)
			if err != nil {
				t.Fatal(err)
			}
			defer x.run(again, "b")()
			x.untilTaken(s, 5)
		})
	}
}

func TestSyslogOverUDP(t *testing.T) {
	t.Parallel()
	x := newExports(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := new(syslogServer)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buffer := make([]byte, 70_000); ; {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.take(string(buffer[:n]))
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	to, err := sink.NewSyslog("udp://"+conn.LocalAddr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	x.add(1, 3)
	defer x.run(to, "a")()
	x.untilTaken(s, 3)
}

func TestSinksThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:514", "http://a", "udp://", "tcp://a/b", "tls://u:p@a"} {
		if _, err := sink.NewSyslog(address, nil); err == nil {
			t.Errorf("syslog %q", address)
		}
	}
	for _, to := range [][2]string{{"ftp://a", ""}, {"http://", ""}, {"http://u:p@a", ""}, {"http://a", "X"}, {"http://a", "X:"}, {"http://a", "X: a\r\nY: b"}} {
		if _, err := sink.NewHTTP(to[0], to[1]); err == nil {
			t.Errorf("http %q", to)
		}
	}
}
