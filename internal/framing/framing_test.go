package framing

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is one connection with given input, which keeps its output.
type script struct {
	net.Conn
	in     io.Reader
	mu     sync.Mutex
	out    bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

func (s *script) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err == io.EOF { // the client waits for responses
		<-s.closed
	}
	return n, err
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *script) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// one is a listener with one connection.
type one struct {
	conns chan net.Conn
}

func (o *one) Accept() (net.Conn, error) {
	c, ok := <-o.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (o *one) Close() error   { return nil }
func (o *one) Addr() net.Addr { return &net.TCPAddr{} }

// serve lets net/http serve a connection and returns the requests that the handler received, each with the bytes read
// of its body, and the refused ones. The connection ends when the server closes it, or reads beyond the input.
func serve(in io.Reader) (served []string, refused []string, answer string) {
	c := &script{closed: make(chan struct{})}
	asked := make(chan struct{})
	c.in = &ending{in, asked, sync.Once{}}
	o := &one{conns: make(chan net.Conn, 1)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := Refused(r); refusal != nil {
			refused = append(refused, refusal.Reason)
			w.Header().Set("Connection", "close")
			http.Error(w, refusal.Reason, http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		served = append(served, fmt.Sprintf("%s %s %s %q", r.Method, r.RequestURI, r.Proto, body))
	})
	ended := make(chan struct{})
	server := &http.Server{
		Handler: Handler(handler), ConnContext: Context, DisableGeneralOptionsHandler: true, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(ended)
			}
		},
	}
	o.conns <- c
	close(o.conns)
	go func() { _ = server.Serve(Listener{o}) }()
	select {
	case <-ended:
	case <-asked: // it reads beyond the input
		_ = c.Close()
		<-ended
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return served, refused, c.out.String()
}

// ending reports when its reader has been read to the end.
type ending struct {
	io.Reader
	at   chan struct{}
	once sync.Once
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		e.once.Do(func() { close(e.at) })
	}
	return n, err
}

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// These requests are refused, and the bytes after them are not served.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		head   string
		status int // of the response; 400 when it is zero
	}{
		"length and chunks":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		"chunks and length":         {"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:chunked\r\nCONTENT-LENGTH:5\r\n\r\n0\r\n\r\n", 0},
		"chunks and no length":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 0},
		"chunks of HTTP/1.0":        {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		"both of HTTP/1.0":          {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 0},
		"identity of HTTP/1.0":      {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: identity\r\n\r\n", 0},
		"two lengths":               {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n123", 0},
		"one length twice":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n12", 0},
		"a list of lengths":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n12", 0},
		"a signed length":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n12", 0},
		"a negative length":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 0},
		"a hexadecimal length":      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\n12", 0},
		"an empty length":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 0},
		"a huge length":             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 0},
		"identity":                  {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
		"chunked, chunked":          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
		"chunked twice":             {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		"gzip, chunked":             {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		"xchunked":                  {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		"vertical tab":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 0},
		"a continued line":          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0},
		"a continued other line":    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 0},
		"a first line indented":     {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 0},
		"space before the colon":    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 0},
		"space before that colon":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n12", 0},
		"LF ends a line":            {"POST / HTTP/1.1\r\nHost: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		"LF ends the request line":  {"GET / HTTP/1.1\nHost: a\r\n\r\n", 0},
		"LF ends the head":          {"GET / HTTP/1.1\r\nHost: a\r\n\n", 0},
		"only LF":                   {"GET / HTTP/1.1\nHost: a\n\n", 0},
		"CR in a value":             {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", 0},
		"CR at the end of a length": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\r\n\r\n12", 0},
		"NUL in a value":            {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 0},
		"no colon":                  {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n\r\n", 0},
		"two hosts":                 {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 0},
		"no host":                   {"GET / HTTP/1.1\r\n\r\n", 0},
		"HTTP/2":                    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		"HTTP/1.10":                 {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 0},
		"http/1.0":                  {"POST / http/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		"a large head":              {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", 431},
		"many fields":               {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: x\r\n", 8<<10) + "\r\n", 431},
		"a large chunk line":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 70<<10) + "\r\na\r\n0\r\n\r\n", 0},
		"a chunk ends with LF":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\r\n\r\n", 0},
		"a chunk is longer":         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 0},
		"a chunk has no size":       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n;x\r\n\r\n", 0},
		"a chunk has a sign":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", 0},
		"a chunk has 0x":            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", 0},
		"a chunk overflows":         {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, before := range []string{"", "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"} {
				served, refused, answer := serve(strings.NewReader(before + tc.head + smuggled))
				if strings.Contains(fmt.Sprint(served), "smuggled") || len(refused) > 1 || len(served) != strings.Count(before, "HTTP/1.1") {
					t.Errorf("served %q, refused %q", served, refused)
				}
				status := tc.status
				if status == 0 {
					status = 400
				}
				_, last, _ := cutLast(answer, "HTTP/1.")
				if !strings.HasPrefix(last, fmt.Sprint("1 ", status)) && !strings.HasPrefix(last, fmt.Sprint("0 ", status)) || !strings.Contains(last, "Connection: close") {
					t.Errorf("answer %q, want %d", answer, status)
				}
			}
		})
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// These requests are served, in any fragmentation.
func TestServed(t *testing.T) {
	t.Parallel()
	text := "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"\r\nPOST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n1F \r\nContent-Length: 3\r\n\r\nGET / HTTP\r\n0\r\nX: y\r\n\r\n" +
		"GET http://other/c?d HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n" +
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" +
		"PUT /e HTTP/1.0\r\nConnection: keep-alive\r\ncontent-length:  2 \r\n\r\n\r\n" +
		"GET /f HTTP/1.1\r\nHost: a\r\n\r\n"
	want := `[POST /a HTTP/1.1 "Transfer-Encoding: chunked\r\n\r\n" POST /b HTTP/1.1 "abcContent-Length: 3\r\n\r\nGET / HTTP" ` +
		`GET http://other/c?d HTTP/1.1 "" OPTIONS * HTTP/1.1 "" PUT /e HTTP/1.0 "\r\n" GET /f HTTP/1.1 ""]`
	for _, pieces := range []int{1, 2, 3, 7, 4096} {
		served, refused, _ := serve(&pieceReader{[]byte(text), pieces})
		if fmt.Sprint(served) != want || refused != nil {
			t.Errorf("in pieces of %d: served %s, refused %q", pieces, served, refused)
		}
	}
}

type pieceReader struct {
	text []byte
	size int
}

func (r *pieceReader) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[:min(r.size, len(r.text))])
	r.text = r.text[n:]
	return n, nil
}

// The n-th request of the handler is the n-th of the scanner, so that a refusal applies to the right request.
func FuzzScannerAgreesWithNetHTTP(f *testing.F) {
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n\r\n\nGET /b HTTP/1.0\r\n\r\n"))
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var (
			s     scanner
			lines []string
			start int
		)
		for i := range text {
			before := s.request
			if s.scan(text[i:i+1]) != nil {
				break
			}
			if text[i] == '\n' {
				if s.request > before {
					lines = append(lines, strings.TrimRight(string(text[start:i]), "\r\n"))
				}
				start = i + 1
			}
			if s.state == inBody || s.state == inChunk || s.state == atRequest && before == s.request && text[i] != '\n' && len(s.line) <= 1 {
				start = i + 1 - len(s.line)
			}
		}
		served, _, _ := serve(bytes.NewReader(text))
		if len(served) > len(lines) {
			t.Fatalf("served %q, seen %q", served, lines)
		}
		for i, request := range served {
			r := bufio.NewReader(strings.NewReader(request))
			method, _ := r.ReadString(' ')
			uri, _ := r.ReadString(' ')
			if !strings.Contains(lines[i], strings.TrimSpace(method)+" "+strings.TrimSpace(uri)) {
				t.Fatalf("request %d: served %q, seen %q", i+1, request, lines[i])
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	text := []byte("POST /apis/execute.php?flow=69&key=sdfjh435hh345454&ts=1795280000&check=0123456789abcdef0123456789abcdef HTTP/1.1\r\n" +
		"Host: penstock.example.org\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200))
	var s scanner
	b.ReportAllocs()
	for b.Loop() {
		if s.scan(text) != nil {
			b.Fatal("refused")
		}
	}
}
