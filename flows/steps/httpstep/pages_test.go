package httpstep

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// people is an API of seven records with every kind of pagination.
type people struct {
	mu   sync.Mutex
	seen []string // requests, with the key of those that carry one
}

func (p *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Idempotency-Key")))
	p.mu.Unlock()
	query := r.URL.Query()
	number := func(name string) int { n, _ := strconv.Atoi(query.Get(name)); return n }
	from, size := 0, 3
	body := object{}
	switch r.URL.Path {
	case "/link", "/url", "/forever":
		from = number("from")
	case "/cursor":
		from = number("after")
	case "/body":
		var sent struct{ Page struct{ After int } }
		_ = json.NewDecoder(r.Body).Decode(&sent)
		from = sent.Page.After
	case "/header":
		from, _ = strconv.Atoi(r.Header.Get("X-After"))
	case "/page":
		from = (number("page") - 1) * size
	case "/offset":
		from, size = number("skip"), number("limit")
	case "/capped":
		from, size = number("skip"), min(2, number("limit"))
	}
	to := from + size
	if r.URL.Path != "/forever" {
		to = min(to, 7)
	}
	ids := []int{}
	for id := from; id < to; id++ {
		ids = append(ids, id)
	}
	body["ids"] = ids
	if more := to < 7 || r.URL.Path == "/forever"; more {
		next := fmt.Sprintf("?q=a&from=%d", to)
		w.Header().Set("Link", fmt.Sprintf(`</>; rel="first", <%s>; rel="next"`, next))
		body["next"], body["cursor"] = next, to
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func TestHTTPPages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, http string
		seen       []string
	}{
		{
			"link", `get: "${ $vars.api }/link?q=a", paginate: {next: link, items: ".body.ids[]"}`,
			[]string{"GET /link?q=a", "GET /link?q=a&from=3", "GET /link?q=a&from=6"},
		},
		{
			"next_url", `get: "${ $vars.api }/url?q=a", paginate: {next_url: .body.next, items: ".body.ids[]"}`,
			[]string{"GET /url?q=a", "GET /url?q=a&from=3", "GET /url?q=a&from=6"},
		},
		{
			"cursor", `post: "${ $vars.api }/cursor", query: {q: a}, paginate: {cursor: {from: .body.cursor, param: after}, items: ".body.ids[]"}`,
			[]string{"POST /cursor?q=a run-1.http.0", "POST /cursor?q=a&after=3 run-1.http.0.1", "POST /cursor?q=a&after=6 run-1.http.0.2"},
		},
		{
			"cursor in the body", `post: "${ $vars.api }/body", json: {size: 3, page: {sort: id}}, paginate: {cursor: {from: .body.cursor, body: .page.after}, items: ".body.ids[]"}`,
			[]string{"POST /body run-1.http.0", "POST /body run-1.http.0.1", "POST /body run-1.http.0.2"},
		},
		{
			"cursor in a header", `get: "${ $vars.api }/header", paginate: {cursor: {from: .body.cursor, header: x-after}, items: ".body.ids[]"}`,
			[]string{"GET /header", "GET /header", "GET /header"},
		},
		{
			"page", `get: "${ $vars.api }/page", paginate: {page: {}, items: ".body.ids[]"}`,
			[]string{"GET /page?page=1", "GET /page?page=2", "GET /page?page=3", "GET /page?page=4"},
		},
		{
			"page of a known size", `get: "${ $vars.api }/page", paginate: {page: {size: 3, size_param: n}, items: ".body.ids[]"}`,
			[]string{"GET /page?page=1&n=3", "GET /page?page=2&n=3", "GET /page?page=3&n=3", "GET /page?page=4&n=3"},
		},
		{
			"page up to a short one", `get: "${ $vars.api }/page", paginate: {page: {size: 3, last: short}, items: ".body.ids[]"}`,
			[]string{"GET /page?page=1", "GET /page?page=2", "GET /page?page=3"},
		},
		{
			"page of a size that the server does not give", `get: "${ $vars.api }/page", paginate: {page: {size: 1000, size_param: n}, items: ".body.ids[]"}`,
			[]string{"GET /page?page=1&n=1000", "GET /page?page=2&n=1000", "GET /page?page=3&n=1000", "GET /page?page=4&n=1000"},
		},
		{
			"offset", `get: "${ $vars.api }/offset", paginate: {offset: {param: skip, limit: 4}, items: ".body.ids[]"}`,
			[]string{"GET /offset?skip=0&limit=4", "GET /offset?skip=4&limit=4", "GET /offset?skip=7&limit=4"},
		},
		{
			"offset up to a short page", `get: "${ $vars.api }/offset", paginate: {offset: {param: skip, limit: 4, last: short}, items: ".body.ids[]"}`,
			[]string{"GET /offset?skip=0&limit=4", "GET /offset?skip=4&limit=4"},
		},
		{
			"offset with a limit that the server does not give", `get: "${ $vars.api }/capped", paginate: {offset: {param: skip, limit: 1000}, items: ".body.ids[]"}`,
			[]string{"GET /capped?skip=0&limit=1000", "GET /capped?skip=2&limit=1000", "GET /capped?skip=4&limit=1000", "GET /capped?skip=6&limit=1000", "GET /capped?skip=7&limit=1000"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := &people{}
			server := serve(t, api.ServeHTTP)
			items, err := runHTTP(t, "http: {"+test.http+"}", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []any{}
			for id := range 7 {
				want = append(want, json.Number(strconv.Itoa(id)))
			}
			if diff := cmp.Diff(want, items); diff != "" {
				t.Errorf("items (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.seen, api.seen); diff != "" {
				t.Errorf("requests (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWithParam(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "a+b=1%26", "x=%zz;y&x": "x=%zz;y&x&a+b=1%26", "a+b=0&c&a%20b=2": "c&a+b=1%26",
	} {
		before := &url.URL{Scheme: "http", Host: "h", RawQuery: query}
		if got := withParam(before, "a b", "1&").RawQuery; got != want || before.RawQuery != query {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

// Small pages also have a bound on their sum.
func TestHTTPPagesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	page := make([]byte, maxResponse/4)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Link", fmt.Sprintf("<?n=%s1>; rel=next", r.URL.Query().Get("n")))
		w.Write(page)
	})
	_, err := runHTTP(t, `http: {get: "${ $vars.api }", max_response: 100MB, paginate: {next: link, items: .status}}`, server.URL, nil)
	if err == nil || !strings.Contains(err.Error(), "the pages are larger than 100 MB together") {
		t.Errorf("got %v", err)
	}
}

func TestHTTPPagesEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, http string
		requests   int
		items      int
		message    string
	}{
		{name: "max_pages", http: `get: "${ $vars.api }/forever", paginate: {next: link, max_pages: 2}`, requests: 2, items: 2},
		{name: "default bound", http: `get: "${ $vars.api }/forever", paginate: {next: link}`, requests: 100, message: "more than 100 pages; set max_pages"},
		{name: "the most pages", http: `get: "${ $vars.api }/forever", paginate: {next: link, max_pages: 10000}`, requests: 10_000, message: "more than 10000 pages; read them in parts"},
		{name: "itself", http: `get: "${ $vars.api }/link?q=a", paginate: {next_url: '"/link?q=a"'}`, requests: 1, message: "page 1 names itself as the next one"},
		{name: "a cycle", http: `get: "${ $vars.api }/link?q=a", paginate: {next_url: 'if .body.ids[0] == 0 then .body.next else "/link?q=a" end'}`, requests: 2, message: "page 2 names page 1 as the next one"},
		{name: "elsewhere", http: `get: "${ $vars.api }/link", headers: {x-api-key: a}, paginate: {next_url: '"http://api.example.org/?key=hunter2"'}`, requests: 1, message: "the next page is at http://api.example.org, another origin"},
		{name: "no URL", http: `get: "${ $vars.api }/link", paginate: {next_url: .body.ids}`, requests: 1, message: "next_url gives a list, not text"},
		{name: "broken URL", http: `get: "${ $vars.api }/link", paginate: {next_url: '"http://[?key=hunter2"'}`, requests: 1, message: `the link to the next page, "http://[", is not a URL`},
		{name: "the same cursor again", http: `post: "${ $vars.api }/link", json: {after: 1}, paginate: {cursor: {from: 1, body: .after}}`, requests: 2, message: "page 2 names itself as the next one"},
		{name: "no place in the body", http: `post: "${ $vars.api }/link", json: {page: 1}, paginate: {cursor: {from: 1, body: .page.after}}`, requests: 1, message: "the cursor's place in the body, .after, is in a number, not in an object"},
		{name: "no header value", http: `get: "${ $vars.api }/link", paginate: {cursor: {from: '"a\nb"', header: x-after}}`, requests: 1, message: "the cursor for the header X-After has a line break in its value"},
		{name: "no cursor", http: `get: "${ $vars.api }/link", paginate: {cursor: {from: .body, param: a}}`, requests: 1, message: "the cursor is an object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := &people{}
			server := serve(t, api.ServeHTTP)
			items, err := runHTTP(t, "http: {"+test.http+"}", server.URL, nil)
			if len(api.seen) != test.requests {
				t.Errorf("%d requests, want %d", len(api.seen), test.requests)
			}
			if test.message == "" {
				if err != nil || len(items) != test.items {
					t.Errorf("%d items, %v, want %d", len(items), err, test.items)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.message) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want an error with %q", err, test.message)
			}
		})
	}
}
