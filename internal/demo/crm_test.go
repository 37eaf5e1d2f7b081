package demo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/demo"
)

// call sends one request and decodes the answer.
func call(t *testing.T, h http.Handler, method, target, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %v in %q", method, target, err, w.Body)
	}
	return w.Code, answer
}

func TestSearch(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text string
		want []string // ids, in order
	}{
		{"robertcarloshernandez@gmail.com", []string{"280"}},
		{"HERNANDEZ", []string{"280", "410"}},
		{"zo%C3%AB", []string{"415"}},
		{"nobody@example.org", nil},
		{"", nil},
	}
	crm := demo.New()
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			status, answer := call(t, crm, "GET", "/constituents/search?search_text="+c.text, "")
			if status != http.StatusOK {
				t.Fatalf("status %d, want 200", status)
			}
			var got []string
			for _, v := range answer["value"].([]any) {
				got = append(got, v.(map[string]any)["id"].(string))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if answer["count"] != float64(len(c.want)) {
				t.Errorf("count = %v, want %d", answer["count"], len(c.want))
			}
		})
	}
}

func TestTheRecordOfTheDocumentation(t *testing.T) {
	t.Parallel()
	_, got := call(t, demo.New(), "GET", "/constituents/280", "")
	address := got["address"].(map[string]any)
	if got, want := address["formatted_address"], "410 17th Street\r\nDenver, CO  80202-4402"; got != want {
		t.Errorf("formatted_address = %q, want %q", got, want)
	}
	if got["date_modified"] != "2016-07-14T04:13:51.2167803Z" || got["import_id"] != "1234-56-789101" {
		t.Errorf("record 280 is not the documented one: %v", got)
	}
	if len(got) != 25 {
		t.Errorf("record 280 has %d members, the documentation shows 25", len(got))
	}
}

func TestCreateThenChange(t *testing.T) {
	t.Parallel()
	crm := demo.New()
	status, created := call(t, crm, "POST", "/constituents", `{"first":"Ada","email":"ada@example.org"}`)
	if status != http.StatusCreated || created["id"] != "1000" {
		t.Fatalf("create = %d %v, want 201 and id 1000", status, created)
	}
	_, found := call(t, crm, "GET", "/constituents/search?search_text=ada@example.org", "")
	if found["count"] != float64(1) {
		t.Errorf("the new constituent is found %v times, want once", found["count"])
	}
	status, changed := call(t, crm, "PATCH", "/constituents/1000", `{"id":"280","postal_code":"10115","big":9223372036854775807}`)
	if status != http.StatusOK || changed["id"] != "1000" || changed["postal_code"] != "10115" || changed["first"] != "Ada" {
		t.Errorf("change = %d %v, want the old members and the new one", status, changed)
	}
	w := httptest.NewRecorder()
	crm.ServeHTTP(w, httptest.NewRequest("GET", "/constituents/1000", nil))
	if !strings.Contains(w.Body.String(), `"big":9223372036854775807`) {
		t.Errorf("a big number changed: %s", w.Body)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		method, target, body string
		want                 int
	}{
		{"GET", "/constituents/999", "", http.StatusNotFound},
		{"PATCH", "/constituents/999", "{}", http.StatusNotFound},
		{"PATCH", "/constituents/280", "[]", http.StatusBadRequest},
		{"POST", "/constituents", "null", http.StatusBadRequest},
		{"POST", "/constituents", `{"a":"` + strings.Repeat("x", 1<<17) + `"}`, http.StatusBadRequest},
	}
	crm := demo.New()
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s %.10s", c.method, c.target, c.body), func(t *testing.T) {
			t.Parallel()
			if status, answer := call(t, crm, c.method, c.target, c.body); status != c.want || answer["message"] == "" {
				t.Errorf("status %d, %v; want %d with a message", status, answer, c.want)
			}
		})
	}
}

func TestItIsBounded(t *testing.T) {
	t.Parallel()
	crm := demo.New()
	var refused sync.Map
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2600 {
				w := httptest.NewRecorder()
				crm.ServeHTTP(w, httptest.NewRequest("POST", "/constituents", strings.NewReader("{}")))
				refused.Store(w.Code, true)
			}
		})
	}
	wg.Wait()
	for _, want := range []int{http.StatusCreated, http.StatusInsufficientStorage} {
		if _, ok := refused.Load(want); !ok {
			t.Errorf("no answer had status %d", want)
		}
	}
}
