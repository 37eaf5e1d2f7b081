package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
)

// A call that is signed for one method is rejected with another: data cannot be removed from a signed call, nor
// added.
func TestAttackMethodSwap(t *testing.T) {
	t.Parallel()
	params := map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000"}
	for name, tc := range map[string]struct {
		call   apitest.Call
		status int
	}{
		"a POST with data, sent as GET":              {apitest.Call{Method: http.MethodGet, Check: apitest.SignCheck(params, `{"a":1}`, "POST", "")}, 401},
		"a GET, sent as POST with data":              {apitest.Call{Method: http.MethodPost, Body: `{"a":1}`, Check: apitest.SignCheck(params, "", "GET", "")}, 401},
		"a GET, sent as GET with data":               {apitest.Call{Method: http.MethodGet, Body: `{"a":1}`}, 400},
		"data moved into a parameter":                {apitest.Call{Method: http.MethodGet, Params: map[string]string{"zz": `{"a":1}`}, Check: apitest.SignCheck(params, `{"a":1}`, "POST", "")}, 400},
		"a parameter that was signed, moved to data": {apitest.Call{Method: http.MethodPost, Body: `1`, Check: apitest.SignCheck(map[string]string{"flow": "69", "key": apitest.KeyID, "ts": "1795280000", "zz": "1"}, "", "GET", "")}, 200},
	} {
		d := apitest.NewFakeAPI(t)
		w := d.Call(tc.call)
		if tc.status == http.StatusOK {
			// The rule of the source document joins both the same way. It is
			// the same text, signed by the key's owner, and it runs once.
			if w.Code != 200 || d.WantOne().Params != nil || string(d.WantOne().Event) != "1" {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
			continue
		}
		d.WantFailure(w, tc.status, "")
	}
}

// The separator "|" is rejected in values, because otherwise a part of one value could be moved to the next without
// changing the signed text.
func TestAttackSeparatorShift(t *testing.T) {
	t.Parallel()
	signed := apitest.SignCheck(map[string]string{"debug": "x", "flow": "69", "key": apitest.KeyID, "ts": "1795280000"}, "", "GET", "")
	for name, query := range map[string]string{
		"two values in one":           "debug=x%7C69&key=" + apitest.KeyID + "&ts=1795280000",
		"a value across two":          "debug=x&flow=69%7C" + apitest.KeyID + "&ts=1795280000",
		"the data in the last value":  "flow=69&key=" + apitest.KeyID + "&ts=1795280000%7C%7B%7D",
		"everything in one parameter": "flow=x%7C69%7C" + apitest.KeyID + "%7C1795280000",
		"an encoded separator":        "debug=x%257C69&flow=69&key=" + apitest.KeyID + "&ts=1795280000",
		"another name, the same text": "a=x&flow=69&key=" + apitest.KeyID + "&ts=1795280000",
	} {
		d := apitest.NewFakeAPI(t)
		w := d.Do(httptest.NewRequest("GET", "/apis/execute.php?"+query+"&check="+signed, nil))
		if w.Code != 400 && w.Code != 401 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if n := len(d.Queue.Submitted()); n != 0 {
			t.Errorf("%s: %d runs", name, n)
		}
	}
}

// A caller that reads its response slowly, or not at all, loses its connection.
func TestAttackSlowRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := apitest.NewFakeAPI(t)
		listener, stop := serve(t, d, nil)
		conn := listener.dial(t)
		if _, err := io.WriteString(conn, "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		begin, got := time.Now(), 0
		for one := make([]byte, 1); ; got++ { // a byte a second, of an answer that is longer
			if _, err := conn.Read(one); err != nil {
				break
			}
			time.Sleep(time.Second) // of the bubble
		}
		if waited := time.Since(begin); waited > api.WriteTimeout+2*time.Second || got < 10 {
			t.Errorf("cut after %v and %d bytes", waited, got)
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A compressed body is rejected without being read.
func TestAttackBodyBombs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		call   apitest.Call
		status int
	}{
		"gzip":                    {apitest.Call{Body: "\x1f\x8b\x08", Header: http.Header{"Content-Encoding": {"gzip"}}}, 415},
		"gzip, called identity":   {apitest.Call{Body: "\x1f\x8b\x08", Header: http.Header{"Content-Encoding": {"identity"}}}, 400},
		"brotli, then identity":   {apitest.Call{Body: `{}`, Header: http.Header{"Content-Encoding": {"br, identity"}}}, 415},
		"a thousand levels":       {apitest.Call{Body: strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)}, 400},
		"half a million brackets": {apitest.Call{Body: strings.Repeat("[", 1<<19)}, 400},
		"more than the limit":     {apitest.Call{Body: `"` + strings.Repeat("x", 2<<20) + `"`}, 413},
		"a multipart of nothing":  {apitest.Call{Body: "--x", Header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}}, 415},
	} {
		d := apitest.NewFakeAPI(t)
		begin := time.Now()
		w := d.Call(tc.call)
		d.WantFailure(w, tc.status, "")
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}
