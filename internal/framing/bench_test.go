package framing

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkServe is one request on a connection that stays open, with and
// without the scan.
func BenchmarkServe(b *testing.B) {
	text := "POST /apis/execute.php?flow=69 HTTP/1.1\r\nHost: penstock.example.org\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n" +
		"Content-Type: application/json\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for name, scanned := range map[string]bool{"plain": false, "scanned": true} {
		b.Run(name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			server := &http.Server{Handler: handler}
			if scanned {
				server.Handler, server.ConnContext = Handler(handler), Context
				go func() { _ = server.Serve(Listener{l}) }()
			} else {
				go func() { _ = server.Serve(l) }()
			}
			defer server.Close()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for b.Loop() {
				_, _ = io.WriteString(c, text)
				w, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Fatal(err)
				}
				w.Body.Close()
			}
		})
	}
}
