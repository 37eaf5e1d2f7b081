package httpstep

import (
	"net/http"
	"net/url"
	"testing"
)

func TestFileName(t *testing.T) {
	t.Parallel()
	for disposition, want := range map[string]string{
		`attachment; filename="a b.pdf"`:                               "a b.pdf",
		`attachment; filename="e.pdf"; filename*=UTF-8''%e2%82%ac.pdf`: "€.pdf",
		`attachment; filename*0="long "; filename*1="name.pdf"`:        "long name.pdf",
		`attachment; filename="=?UTF-8?B?4oKsLnBkZg==?="`:              "€.pdf",
		`attachment; filename="=?x-none?B?4oKs?="`:                     "=?x-none?B?4oKs?=",
		"": "report.csv",
	} {
		resp := &http.Response{Header: http.Header{"Content-Disposition": {disposition}}, Request: &http.Request{URL: &url.URL{Path: "/a/report.csv"}}}
		if got := fileName(resp); got != want {
			t.Errorf("%s: %q, want %q", disposition, got, want)
		}
	}
}
