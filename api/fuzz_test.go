package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
)

// FuzzSmartSYNC checks that no run starts without a valid check value, and that no request causes an internal
// error.
func FuzzSmartSYNC(f *testing.F) {
	good := apitest.Call{Body: `{"a":1}`}.Request()
	f.Add("POST", good.URL.RawQuery, `{"a":1}`, "application/json", "")
	f.Add("GET", apitest.Call{}.Request().URL.RawQuery, "", "", "")
	f.Add("POST", good.URL.RawQuery, `{"a":2}`, "text/plain", "gzip")
	f.Add("PUT", "a=1;b", "\xff", "application/json; charset=utf-16", "identity, br")
	f.Fuzz(func(t *testing.T, method, query, body, contentType, encoding string) {
		if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r <= ' ' || r > 'z' }) {
			return // net/http refuses it before we see it
		}
		q := apitest.NewFakeQueue()
		a, err := api.New(api.Config{
			Submit: q.Submit, Records: q, Flows: oneFlow{fixedFlow}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Keys: apitest.KeyList{apitest.KeyID: {Key: apitest.KeyID, Secret: apitest.KeySecret, APIAccess: true}},
			Now:  func() time.Time { return apitest.Epoch },
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{
			Method: method, URL: &url.URL{Path: "/apis/execute.php", RawQuery: query}, RemoteAddr: "192.0.2.1:1", ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}}, Body: io.NopCloser(strings.NewReader(body)),
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		values, _ := url.ParseQuery(query)
		params := map[string]string{}
		for name := range values {
			if name != "check" {
				params[name] = values.Get(name)
			}
		}
		ran := len(q.Submitted()) > 0
		if ran && !strings.EqualFold(values.Get("check"), apitest.SignCheck(params, body, method, "")) {
			t.Fatalf("%s %q with %q ran without a check value", method, query, body)
		}
		if ran != (w.Code == 200) || w.Code >= 500 {
			t.Fatalf("%s %q with %q: status %d, ran is %v: %s", method, query, body, w.Code, ran, w.Body)
		}
	})
}
