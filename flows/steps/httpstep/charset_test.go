package httpstep

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Texts are sent in the charset of their content type, and read in that of the step or of the response.
func TestHTTPCharsets(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		if r.URL.Path == "/latin" {
			io.WriteString(w, "Zo\xeb \x80")
			return
		}
		fmt.Fprintf(w, "%s % x", r.Header.Get("Content-Type"), body)
	})
	for _, test := range []struct{ http, want string }{
		{`post: "${ $vars.api }", raw: Zoë €, content_type: text/plain; charset=windows-1252`, "text/plain; charset=windows-1252 5a 6f eb 20 80"},
		{`post: "${ $vars.api }", raw: Zoë, headers: {content-type: text/csv; charset=UTF-16LE}`, "text/csv; charset=UTF-16LE 5a 00 6f 00 eb 00"},
		{`post: "${ $vars.api }", raw: ë`, "text/plain; charset=utf-8 c3 ab"},
		{`post: "${ $vars.api }", raw: Zoë €, content_type: text/plain; charset=iso-8859-2`, "the charset iso-8859-2 has no code for the character '€' (U+20AC)"},
		{`post: "${ $vars.api }", raw: a, content_type: text/plain; charset=klingon`, `the charset "klingon" is none of the WHATWG Encoding standard`},
		{`get: "${ $vars.api }/latin?type=text/plain", charset: windows-1252`, "Zoë €"},
		{`get: "${ $vars.api }/latin?type=text/plain%3bcharset=utf-8", charset: windows-1252`, "Zoë €"},
		{`get: "${ $vars.api }/latin?type=text/plain%3bcharset=cp1252"`, "Zoë €"},
		{`get: "${ $vars.api }/latin?type=text/plain"`, "it is not text in UTF-8"},
		{`get: "${ $vars.api }/latin?type=text/plain", charset: windows-1252, expect: [404]`, "status 200: Zoë €"},
		{`get: "${ $vars.api }", charset: klingon`, `the charset "klingon" is none of the WHATWG Encoding standard`},
	} {
		items, err := runHTTP(t, "http: {"+test.http+"}", server.URL, nil)
		got := fmt.Sprint(err)
		if err == nil {
			got, _ = items[0].(object)["body"].(string)
		}
		if !strings.Contains(got, test.want) || err == nil && got != test.want {
			t.Errorf("%s: %s, want %s", test.http, got, test.want)
		}
	}
}

func TestHTTPMultipartCharset(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%t", strings.Contains(string(body), "\r\n\r\nZo\xeb\r\n"))
	})
	items, err := runHTTP(t, `http: {post: "${ $vars.api }", multipart: [{name: a, value: Zoë, filename: a.csv, content_type: text/csv; charset=latin1}]}`, server.URL, nil)
	if err != nil || items[0].(object)["body"] != "true" {
		t.Errorf("%v, %v", items, err)
	}
}
