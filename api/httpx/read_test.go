package httpx

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// A body is decoded into the members of a struct. What does not fit is 400 with the words of JSON; the
// members of a request without a body keep their values.
func TestReadJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                             "200 before 1",
		`{}`:                           "200 before 1",
		`{"name":"n","count":2}`:       "200 n 2",
		`{"NAME":"n"}`:                 "200 n 1",
		`null`:                         "200 before 1",
		`{"name":"n","other":1}`:       `400 unknown field "other"`,
		`{"name":1}`:                   "400 name must be a text, not a JSON number",
		`{"count":"2"}`:                "400 count must be a whole number, not a JSON string",
		`{"count":1.5}`:                "400 count must be a whole number, not a JSON number 1.5",
		`{"list":{}}`:                  "400 list must be a list, not a JSON object",
		`{"in":{"on":1}}`:              "400 in.on must be true or false, not a JSON number",
		`[]`:                           "400 it must be an object, not a JSON array",
		`{"name":"a","name":"b"}`:      "400 ",
		`{"name":"a"}{"name":"b"}`:     "400 ",
		strings.Repeat(`{"in":`, 2000): "413 ",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := serve(&Frame{MaxBody: 1 << 10}, r, func(c *gin.Context) {
			in := struct {
				Name  string   `json:"name"`
				Count int      `json:"count"`
				List  []string `json:"list"`
				In    struct {
					On bool `json:"on"`
				} `json:"in"`
			}{Name: "before", Count: 1}
			if err := ReadJSON(c, &in); err != nil {
				Fail(c, err)
				return
			}
			Write(c, http.StatusOK, TypeText, fmt.Appendf(nil, "%s %d", in.Name, in.Count))
		})
		status, says, _ := strings.Cut(want, " ")
		if got := w.Body.String(); fmt.Sprint(w.Code) != status || w.Code == 200 && got != says || !strings.Contains(strings.ReplaceAll(got, `\"`, `"`), says) {
			t.Errorf("%.60s: %d %s, want %s", body, w.Code, got, want)
		}
	}
}

// A body is read once, so that who checks a signature and who decodes the event see the same bytes, or the same error.
func TestABodyIsReadOnce(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "0123456789", strings.Repeat("x", 17)} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.ContentLength = -1
		serve(&Frame{}, r, func(c *gin.Context) {
			first, err1 := ReadBody(c)
			second, err2 := ReadBody(c)
			if large := len(body) > 16; large != (err1 != nil) || !large && string(first) != body || string(second) != string(first) || err1 != err2 {
				t.Errorf("%q: %q %v, then %q %v", body, first, err1, second, err2)
			}
			if string(StateOf(c).Body()) != string(first) {
				t.Errorf("%q: the state has %q", body, StateOf(c).Body())
			}
		})
	}
}

// The name of an object cannot lead its path to another object.
func TestPathOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"crm": "/v1/keys/crm", "a/b": "/v1/keys/a%2Fb", "../users/boss": "/v1/keys/..%2Fusers%2Fboss", "a?b#c": "/v1/keys/a%3Fb%23c", "ä b": "/v1/keys/%C3%A4%20b", "a\r\nSet-Cookie: x": "/v1/keys/a%0D%0ASet-Cookie:%20x",
	} {
		if got := PathOf("keys", name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// Limits, logs and measures name a request by the template of its path, so that a caller cannot make names at will.
func TestRoute(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("east", 3600))
	serve(&Frame{Now: func() time.Time { return now }}, httptest.NewRequest(http.MethodGet, "/people/1?x=2", nil), func(c *gin.Context) {
		if Route(c) != "/*path" || !Now(c).Equal(now) {
			t.Errorf("%s at %v", Route(c), Now(c))
		}
		StateOf(c).Route = "/people/{id}"
		if Route(c) != "/people/{id}" {
			t.Errorf("an operation of a flow is called %s", Route(c))
		}
	})
	if got := InUTC(now); !got.Equal(now) || got.Location() != time.UTC || !InUTC(time.Time{}).IsZero() {
		t.Errorf("%v in UTC is %v", now, got)
	}
}
