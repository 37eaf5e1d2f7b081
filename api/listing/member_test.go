package listing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

type row = map[string]any

func rowField(name, typ string, operators ...string) Field[row] {
	return Member(name, typ, operators, func(r *row) any { return (*r)[name] })
}

var rowSchema = Schema[row]{
	Fields: []Field[row]{
		rowField("s", "string"), rowField("i", "integer"), rowField("n", "number"), rowField("b", "boolean"),
		rowField("d", "date"), rowField("t", "date-time"), rowField("only", "string", "eq"),
	},
	PageSize: 2, MaxPageSize: 3, Others: []string{"feed"},
}

// Items that are JSON objects are filtered and ordered by their members.
func TestMembers(t *testing.T) {
	t.Parallel()
	var rows []row
	dec := json.NewDecoder(strings.NewReader(`[
		{"id":1,"s":"b","i":2,"n":1.5,"b":true,"d":"2026-01-02","t":"2026-01-01T10:00:00+02:00"},
		{"id":2,"s":"a","i":10,"n":-0.25,"b":false,"d":"2025-12-31","t":"2026-01-01T09:00:00Z"},
		{"id":3,"s":null,"i":1.5,"n":"x","d":3}]`))
	dec.UseNumber()
	if err := dec.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		`filter=s eq "a"`: "2", `filter=s ne "a"`: "1 3", `filter=i gt 1`: "1 2", `filter=n lt 0`: "2", `filter=n ge 1.5`: "1", `filter=b eq true`: "1",
		`filter=b eq false`: "2", `filter=d ge "2026-01-01"`: "1", `filter=d eq null`: "3", `filter=t lt "2026-01-01T08:30:00Z"`: "1",
		`filter=i in (2, 10) or s eq "z"`: "1 2", `order_by=-i`: "2 1", `order_by=n`: "3 2", `order_by=-t`: "2 1", `page=2`: "3", `page_size=3`: "1 2 3",
		`feed=x&feed=y`: "1 2",
	} {
		q, err := Parse(escaped(query), rowSchema)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, r := range q.Apply(rows).Items {
			got = append(got, fmt.Sprint(r["id"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		`filter=only ne "a"`: "takes eq", `filter=n eq 1e5`: "number", `filter=n eq 01`: "number", `filter=n eq 1.`: "number", `filter=n eq -`: "number",
		`filter=d eq "2026-01-01T00:00:00Z"`: "a date", `page_size=4`: "from 1 to 3", `other=1`: "no such parameter", `filter=i eq 1.5`: "whole number",
	} {
		if _, err := Parse(escaped(query), rowSchema); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

// escaped writes the values of a query string as callers do.
func escaped(query string) string {
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, name+"="+url.QueryEscape(value))
	}
	return strings.Join(pairs, "&")
}

// A filter is data for who passes it on.
func TestFilterAsData(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]struct {
		tree  string
		loose int
	}{
		``:                                     {"null", 0},
		`s eq "é"`:                             {`{"field":"s","op":"eq","value":"é"}`, 0},
		`i eq 1 and (n ge 1.50 and b eq true)`: {`{"and":[{"field":"i","op":"eq","value":1},{"and":[{"field":"n","op":"ge","value":1.50},{"field":"b","op":"eq","value":true}]}]}`, 0},
		`d in ("2026-01-01") and t eq null`:    {`{"and":[{"field":"d","op":"in","value":["2026-01-01"]},{"field":"t","op":"eq","value":null}]}`, 0},
		`s eq "é" or i eq 1`:                   {`{"or":[{"field":"s","op":"eq","value":"é"},{"field":"i","op":"eq","value":1}]}`, 10},
		`i eq 1 and not i eq 2`:                {`{"and":[{"field":"i","op":"eq","value":1},{"not":{"field":"i","op":"eq","value":2}}]}`, 12},
	} {
		query := ""
		if filter != "" {
			query = escaped("filter=" + filter)
		}
		q, err := Parse(query, rowSchema)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(q.Tree())
		if strings.TrimSpace(got.String()) != want.tree {
			t.Errorf("%s: %s, want %s", filter, got.String(), want.tree)
		}
		_, err = q.Comparisons()
		var wrong *Error
		if errors.As(err, &wrong); (want.loose > 0) != (wrong != nil) || wrong != nil && wrong.Position != want.loose {
			t.Errorf("%s: %v, want position %d", filter, err, want.loose)
		}
	}
	q, err := Parse(escaped(`filter=i eq 1 and (s in ("a","b") and b ne false)&order_by=-i,s`), rowSchema)
	if err != nil {
		t.Fatal(err)
	}
	all, err := q.Comparisons()
	if got := fmt.Sprint(all, err, q.Order()); got != `[{i eq 1} {s in [a b]} {b ne false}] <nil> [{i true} {s false}]` {
		t.Error(got)
	}
}
