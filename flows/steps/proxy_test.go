package steps_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The requests of a step with a proxy go to the proxy, with the credential of another connection.
func TestHTTPThroughAProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.String()+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(proxy.Close)
	w.connect("egress", "proxy", map[string]string{"url": proxy.URL})
	w.connect("crm", "bearer", map[string]string{"token": "abc"}, "http://crm.internal")
	got := w.must("http: {get: http://crm.internal/people, connection: crm, proxy: egress}", nil)
	if want := `"body":"http://crm.internal/people Bearer abc"`; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := w.run(t.Context(), "http: {get: http://crm.internal/people, proxy: crm}", nil); err == nil || !strings.Contains(err.Error(), `connection "crm": it is of the type bearer, which is no proxy`) {
		t.Errorf("a credential as proxy: %v", err)
	}
	if _, err := w.run(t.Context(), "http: {get: http://crm.internal/people, connection: egress}", nil); err == nil || !strings.Contains(err.Error(), "it is of the type proxy, which http steps cannot use") {
		t.Errorf("a proxy as credential: %v", err)
	}
}
