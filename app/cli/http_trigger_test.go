package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// The flows of the examples are right, and pass their tests.
func TestExampleFlows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*-api/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		flow, err := flows.Parse(file, source, steps.Catalogue())
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, r := range flows.RunTests(t.Context(), flow) {
			if r.Failure != "" {
				t.Errorf("%s, test %q: %s", file, r.Name, r.Failure)
			}
		}
	}
}

const makePeople = `flow: 602
steps:
  - sql: {connection: people, exec: "create table people (id integer primary key, name text, city text, state text, score integer, created date)"}
  - sql:
      connection: people
      exec: >
        insert into people with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
        select i, printf('Person %05d', 10001 - i), 'City ' || (i % 100), substr('CONYTXCA', 1 + 2 * (i % 4), 2), i % 1000, date('2020-01-01', '+' || (i % 365) || ' days') from n
`

// The example serves 10,000 rows, which the database filters, orders and cuts.
func TestPeopleAPI(t *testing.T) {
	t.Parallel()
	settings := app.Settings{Data: app.NoData, Flows: t.TempDir(), SQLite: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery staple"}
	example, err := os.ReadFile("../../examples/people-api/people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"people.yaml": string(example), "make.yaml": makePeople} {
		if err := os.WriteFile(filepath.Join(settings.Flows, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dev := startDev(t, settings)
	admin, err := client.New(client.Config{URL: dev.url, User: settings.AdminUser, Password: settings.AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path string, body any) {
		t.Helper()
		if err := admin.Call(t.Context(), method, path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	call(http.MethodPut, "/v1/connections/people", map[string]any{"type": "sqlite", "settings": map[string]string{"file": "people.db"}})
	call(http.MethodPatch, "/v1/users/ann", map[string]any{"scopes": []string{"people:read"}})
	if _, err := admin.Start(t.Context(), client.Request{Flow: "602"}); err != nil {
		t.Fatal(err)
	}
	get := func(target string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, dev.url+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(settings.AdminUser, settings.AdminPassword)
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		text, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w, string(text)
	}
	for _, c := range []struct {
		query string
		ids   []int
		total int
	}{
		{"page_size=2", []int{10000, 9999}, 10000},
		{"page_size=2&page=5000", []int{2, 1}, 10000},
		{"filter=" + url.QueryEscape(`state eq "NY" and score ge 990`) + "&order_by=-score&page_size=3", []int{997, 1997, 2997}, 20},
		{"filter=" + url.QueryEscape(`state in ("NY", "CA") and city eq "City 7" and score lt 10`) + "&order_by=created&page_size=2", []int{7007, 8007}, -1},
		{"filter=" + url.QueryEscape(`city eq "x' or '1'='1"`), nil, -1},
	} {
		w, text := get("/crm/v1/people?" + c.query)
		var page struct {
			Items []struct {
				ID    int `json:"id"`
				Total any `json:"total"`
			} `json:"items"`
			Total int `json:"total"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || w.StatusCode != 200 {
			t.Errorf("%s: %d %s", c.query, w.StatusCode, text)
			continue
		}
		var ids []int
		for _, p := range page.Items {
			ids = append(ids, p.ID)
			if p.Total != nil {
				t.Errorf("%s: the total stays in an item", c.query)
			}
		}
		if c.total >= 0 && (!slices.Equal(ids, c.ids) || page.Total != c.total || w.Header.Get("X-Total-Count") != fmt.Sprint(c.total)) || c.total < 0 && len(ids) > 2 {
			t.Errorf("%s: %v of %d, want %v of %d (%v)", c.query, ids, page.Total, c.ids, c.total, w.Header)
		}
	}
	for target, want := range map[string]string{
		"/crm/v1/people?filter=" + url.QueryEscape(`state eq "NY" or state eq "CO"`): "only comparisons joined by and",
		"/crm/v1/people?filter=" + url.QueryEscape(`state eq "NY" and state eq "C"`): "compares state twice by eq",
		"/crm/v1/people?order_by=name,score":                                         "at most 1",
		"/crm/v1/people?filter=" + url.QueryEscape(`score gt 1`):                     "takes ge, lt",
		"/crm/v1/people/10001": "no_item",
		"/crm/v1/people/x":     "a whole number that is at least 1",
	} {
		if w, text := get(target); w.StatusCode < 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", target, w.StatusCode, text, want)
		}
	}
	first, one := get("/crm/v1/people/1")
	again, same := get("/crm/v1/people/1")
	if !strings.Contains(one, `"name":"Person 10000"`) || same != one || first.Header.Get("Penstock-Run-Id") != again.Header.Get("Penstock-Run-Id") || !strings.Contains(again.Header.Get("Cache-Status"), "hit") {
		t.Errorf("%s %v\n%s %v", one, first.Header, same, again.Header)
	}
}
