package httpstep

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A page that fails is asked for again, the pages before it are not. Each page has the attempts of the step for itself.
func TestHTTPRetriesThePage(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		mu.Lock()
		seen[page]++
		n := seen[page]
		mu.Unlock()
		switch {
		case page == "2" && n < 3:
			w.WriteHeader(http.StatusTooManyRequests)
		case page == "5" && n < 3:
			w.WriteHeader(http.StatusBadGateway)
		default:
			items := "[]"
			if page != "7" {
				items = "[" + page + "]"
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, items)
		}
	})
	const flow = "http: {get: \"${ $vars.api }\", paginate: {page: {}, items: \".body[]\"}}\nretry: {attempts: %d, backoff: 1ms}"
	items, err := runHTTP(t, fmt.Sprintf(flow, 3), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{json.Number("1"), json.Number("2"), json.Number("3"), json.Number("4"), json.Number("5"), json.Number("6")}
	if diff := cmp.Diff(want, items); diff != "" {
		t.Errorf("items (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"1": 1, "2": 3, "3": 1, "4": 1, "5": 3, "6": 1, "7": 1}, seen); diff != "" {
		t.Errorf("requests by page (-want +got)\n%s", diff)
	}
	clear(seen)
	if items, err = runHTTP(t, fmt.Sprintf(flow, 2), server.URL, nil); err == nil || seen["1"] != 1 || seen["2"] != 2 || seen["3"] != 0 {
		t.Errorf("with two attempts: %v, %v, %v", items, err, seen)
	}
}

// Two items of one step do not share what was read.
func TestHTTPRetriesThePageOfItsItem(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	failed := false
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if page := r.URL.Query().Get("page"); page == "2" && !failed {
			failed = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("page") == "3" {
			fmt.Fprint(w, "[]")
			return
		}
		fmt.Fprintf(w, "[%q]", r.URL.Path+r.URL.Query().Get("page"))
	})
	items, err := runHTTP(t, `
- spread: '["a", "b"][]'
- http: {get: "${ $vars.api }/${ . }", paginate: {page: {}, items: ".body[]"}}
  concurrency: 1
  retry: {attempts: 2, backoff: 1ms}`, server.URL, nil)
	if diff := cmp.Diff([]any{"/a1", "/a2", "/b1", "/b2"}, items); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// A cursor in the body goes on from the page that failed, and UUIDs are those of a run without the failure: the request
// is rendered once, and no two pages have one.
func TestHTTPRetriesThePageOfACursor(t *testing.T) {
	t.Parallel()
	read := func(failures int) (items []any, bodies []string) {
		var mu sync.Mutex
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			bodies = append(bodies, string(body))
			var sent struct{ After int }
			_ = json.Unmarshal(body, &sent)
			if sent.After == 2 && failures > 0 {
				failures--
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next := "null"
			if sent.After < 3 {
				next = strconv.Itoa(sent.After + 1)
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"next": %s}`, next)
		})
		items, err := runHTTP(t, `
http: {post: "${ $vars.api }", json: {id: "${ uuid }", after: 0}, paginate: {cursor: {from: .body.next, body: .after}, items: uuid}}
retry: {attempts: 3, backoff: 1ms}`, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		return items, bodies
	}
	items, bodies := read(0)
	again, resent := read(2)
	if diff := cmp.Diff(items, again); diff != "" || len(items) != 4 {
		t.Errorf("items (-without a failure +with)\n%s", diff)
	}
	want := []string{bodies[0], bodies[1], bodies[2], bodies[2], bodies[2], bodies[3]}
	if diff := cmp.Diff(want, resent); diff != "" {
		t.Errorf("bodies (-want +got)\n%s", diff)
	}
}

// Where retry.if is true for an item, all pages are read again; these attempts are not counted anew for each page. The
// condition sees what goes on, with as the item and its member.
func TestHTTPReadsPagesAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var pages []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		mu.Lock()
		pages = append(pages, page)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, map[string]string{"1": "[1]", "2": "[]"}[page])
	})
	_, err := runHTTP(t, `
http: {get: "${ $vars.api }", paginate: {page: {}, items: ".body[]"}}
as: n
retry: {attempts: 3, backoff: 1ms, if: .n == 1}`, server.URL, nil)
	if err == nil || !strings.Contains(err.Error(), "retry.if is true") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"1", "2", "1", "2", "1", "2"}, pages); diff != "" {
		t.Errorf("pages (-want +got)\n%s", diff)
	}
}
