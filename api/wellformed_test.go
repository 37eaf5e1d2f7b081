package api_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/penstock/penstock/api/apitest"
)

// raw sends text to a server and returns its responses, until the server closes the connection.
func raw(t *testing.T, listener *memoryListener, text string) []*http.Response {
	t.Helper()
	conn := listener.dial(t)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may close before it has read all
	var answers []*http.Response
	for r := bufio.NewReader(conn); ; {
		w, err := http.ReadResponse(r, nil)
		if err != nil {
			return answers
		}
		body, _ := io.ReadAll(w.Body)
		w.Body = io.NopCloser(strings.NewReader(string(body)))
		answers = append(answers, w)
	}
}

// A malformed request gets 400 in the format of its path, the connection is closed, and the log has no error.
func TestRequestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const head = "POST /apis/execute.php?flow=69&key=k&ts=1&check=c HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	for name, tc := range map[string]struct{ text, code string }{
		"a chunk's size":                 {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "bad_chunks"},
		"a chunk longer than its size":   {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", "bad_chunks"},
		"a chunk's line end":             {head + "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n", "bad_chunks"},
		"length and chunks":              {head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "bad_framing"},
		"chunks of HTTP/1.0":             {strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "bad_framing"},
		"GET with chunks":                {strings.Replace(head, "POST", "GET", 1) + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "unauthorized"},
		"a continued line":               {head + "X: a\r\n b\r\n\r\n", "bad_framing"},
		"the native door, size":          {"POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not_found"},
		"a trailer without a colon":      {head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nno colon\r\n\r\n", "bad_chunks"},
		"chunks behind a signed request": {"POST /v1/flows/69/runs HTTP/1.1\r\nHost: a\r\nPenstock-Key: k\r\nPenstock-Signature: t=1,v1=" + strings.Repeat("0", 64) + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_chunks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := apitest.NewFakeAPI(t)
				listener, stop := serve(t, d, nil)
				answers := raw(t, listener, tc.text+"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n")
				if len(answers) != 1 || !answers[0].Close || answers[0].StatusCode < 400 || answers[0].StatusCode > 404 {
					t.Errorf("%d answers: %+v", len(answers), answers)
				}
				log := d.Log.String()
				if !strings.Contains(log, `"fault":"`+tc.code+`"`) || strings.Contains(log, `"level":"ERROR"`) {
					t.Errorf("log %s", log)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A caller that disconnects within the body causes no error in the log either.
func TestCallerLeavesWithinTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t)
		listener, stop := serve(t, d, nil)
		conn := listener.dial(t)
		if _, err := io.WriteString(conn, "POST /apis/execute?flow=69&key=k&ts=1&check=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		conn.Close()
		synctest.Wait()
		if log := d.Log.String(); strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, `"status":4`) {
			t.Errorf("log %s", log)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
