package listing_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/listing"
)

type fish struct {
	Name   string
	Weight int64
	Caught time.Time
	Alive  bool
	Tags   []string
}

func schema() listing.Schema[fish] {
	return listing.Schema[fish]{
		Order: "name",
		Fields: []listing.Field[fish]{
			listing.Text("name", func(f *fish) string { return f.Name }),
			listing.Word("water", []string{"salt", "sweet"}, func(*fish) string { return "sweet" }),
			listing.Number("weight", func(f *fish) int64 { return f.Weight }),
			listing.Time("caught_at", func(f *fish) time.Time { return f.Caught }),
			listing.Bool("alive", func(f *fish) bool { return f.Alive }),
			listing.List("tags", func(f *fish) []string { return f.Tags }),
		},
	}
}

func shoal() []fish {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	return []fish{
		{"pike", 4000, day(3), false, []string{"lake", "predator"}},
		{"eel", 900, day(1), true, []string{"river"}},
		{"trout", 900, day(2), true, nil},
		{`a "b"\ ü`, 9007199254740993, time.Time{}, false, []string{"lake"}},
	}
}

func names(p listing.Page[fish]) string {
	var out []string
	for _, f := range p.Items {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func TestFilter(t *testing.T) {
	t.Parallel()
	odd := `a "b"\ ü`
	for filter, want := range map[string]string{
		`name eq "eel"`:                                       "eel",
		`name ne "eel"`:                                       odd + " pike trout",
		`name lt "eel"`:                                       odd,
		`name le "eel"`:                                       odd + " eel",
		`name gt "pike"`:                                      "trout",
		`name ge "pike"`:                                      "pike trout",
		`name in ("eel", "pike")`:                             "eel pike",
		`name contains "o"`:                                   "trout",
		`name contains ""`:                                    odd + " eel pike trout",
		`name eq "a \"b\"\\ \u00fc"`:                          odd,
		`weight eq 900`:                                       "eel trout",
		`weight in(900,4000)`:                                 "eel pike trout",
		`weight eq 9007199254740993`:                          odd,
		`weight eq 9007199254740992`:                          "",
		`weight gt -1 and weight lt 1000`:                     "eel trout",
		`caught_at ge "2026-11-02"`:                           "pike trout",
		`caught_at eq "2026-11-02T13:00:00+01:00"`:            "trout",
		`caught_at lt "2026-11-02T12:00:00Z"`:                 "eel",
		`caught_at eq null`:                                   odd,
		`caught_at ne null and alive eq false`:                "pike",
		`caught_at ne "2026-11-02T12:00:00Z"`:                 odd + " eel pike",
		`tags contains "lake"`:                                odd + " pike",
		`not tags contains "lake"`:                            "eel trout",
		`alive eq true or name eq "pike"`:                     "eel pike trout",
		`alive eq true or name eq "pike" and weight eq 1`:     "eel trout", // and binds first
		`(alive eq true or name eq "pike") and weight ge 900`: "eel pike trout",
		`not (alive eq true or name eq "pike")`:               odd,
		`water ne "salt" and water contains "s"`:              odd + " eel pike trout",
		`not alive eq true and name eq "pike"`:                "pike", // not binds first
		`NOT alive EQ true And name Contains "pi"`:            "pike",
		"\tname\neq\r\"eel\" ":                                "eel",
	} {
		t.Run(filter, func(t *testing.T) {
			t.Parallel()
			q, err := listing.Parse(query("filter", filter), schema())
			if err != nil {
				t.Fatal(err)
			}
			if got := names(q.Apply(shoal())); got != want {
				t.Errorf("kept %q, want %q", got, want)
			}
		})
	}
}

func TestMistakesPointAtTheirPosition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		param, value string
		position     int
		says         string
	}{
		{"filter", ``, 1, "a field is expected"},
		{"filter", `nam eq "x"`, 1, `no field "nam"; the fields are alive, caught_at, name, tags, water, weight`},
		{"filter", `name eq "ü" and wight eq 1`, 17, `no field "wight"`},
		{"filter", `name = "x"`, 6, `'='`},
		{"filter", `name is "x"`, 6, "takes eq, ne, lt, le, gt, ge, in, contains"},
		{"filter", `alive lt true`, 7, "takes eq, ne"},
		{"filter", `alive eq maybe`, 10, "true or false"},
		{"filter", `tags eq "x"`, 6, "takes contains"},
		{"filter", `weight contains 1`, 8, "an operator"},
		{"filter", `weight eq "1"`, 11, "whole number"},
		{"filter", `weight eq 1.5`, 11, "whole number"},
		{"filter", `weight eq 99999999999999999999`, 11, "whole number"},
		{"filter", `name eq 1`, 9, "double quotes"},
		{"filter", `name eq 'x'`, 9, "double quotes"},
		{"filter", `name eq "x`, 9, "no closing quote"},
		{"filter", `name eq "\x"`, 9, "not a string"},
		{"filter", `water eq "swet"`, 10, `water is never "swet"; it is one of salt, sweet`},
		{"filter", `water in ("salt", "s")`, 19, "one of salt"},
		{"filter", `name eq`, 8, "double quotes"},
		{"filter", `name`, 5, "an operator"},
		{"filter", `caught_at eq "yesterday"`, 14, "a time"},
		{"filter", `caught_at lt null`, 14, "a time"},
		{"filter", `name eq "x" name eq "y"`, 13, "and, or, or the end"},
		{"filter", `(name eq "x"`, 13, "closing parenthesis"},
		{"filter", `name eq "x")`, 12, "the end"},
		{"filter", `name eq "x" and`, 16, "a field"},
		{"filter", `name in "x"`, 9, "in parentheses"},
		{"filter", `name in ("x" "y")`, 14, "a comma"},
		{"filter", `name in ()`, 10, "double quotes"},
		{"filter", strings.Repeat("(", 40), 33, "too deep"},
		{"filter", strings.Repeat("not ", 40), 129, "too deep"},
		{"filter", strings.Repeat(`alive eq true or `, 201) + `alive eq true`, 3401, "too many"},
		{"filter", `weight in (` + strings.Repeat("1,", 201) + `1)`, 412, "too many"},
		{"filter", strings.Repeat(" ", 5000), 0, "longer"},
		{"filter", "name eq \"\xff\"", 0, "UTF-8"},
		{"order_by", "name,wight", 6, "no field"},
		{"order_by", "name,weight DESC", 6, "write -weight"},
		{"order_by", "name,-name", 6, "comes twice"},
		{"order_by", "tags", 1, "no order"},
		{"order_by", "name,", 6, "no field"},
		{"page", "0", 0, "from 1"},
		{"page", "", 0, "from 1"},
		{"page", "99999999999999999999", 0, "from 1"},
		{"page_size", "201", 0, "to 200"},
		{"page_size", "-1", 0, "from 1"},
		{"limit", "5", 0, "no such parameter"},
	} {
		t.Run(c.param+" "+c.value, func(t *testing.T) {
			t.Parallel()
			_, err := listing.Parse(query(c.param, c.value), schema())
			fault, ok := err.(*listing.Error)
			if !ok {
				t.Fatalf("error %v, want a *listing.Error", err)
			}
			if fault.Param != c.param || fault.Position != c.position || !strings.Contains(fault.Message, c.says) {
				t.Errorf("%s at %d: %q; want %s at %d with %q", fault.Param, fault.Position, fault.Message, c.param, c.position, c.says)
			}
		})
	}
}

func TestQueryStringsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"page=1&page=2", "page=%zz", "page=1;page_size=2", "%66oo=1"} {
		if _, err := listing.Parse(raw, schema()); err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	odd := `a "b"\ ü`
	for order, want := range map[string]string{
		"-name":         "trout pike eel " + odd,
		"weight,-name":  "trout eel pike " + odd,
		"-weight, name": odd + " pike eel trout",
		"caught_at":     odd + " eel trout pike", // absent first
		"-caught_at":    "pike trout eel " + odd,
		"alive,name":    odd + " pike eel trout",
		"":              "pike eel trout " + odd, // as they come
	} {
		q, err := listing.Parse(query("order_by", order), schema())
		if err != nil {
			t.Fatal(err)
		}
		if got := names(q.Apply(shoal())); got != want {
			t.Errorf("order_by=%s: %q, want %q", order, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw, names, links string
		page, size        int
	}{
		{"page_size=3", `a "b"\ ü eel pike`, `</f?page=1&page_size=3>; rel="first", </f?page=2&page_size=3>; rel="next", </f?page=2&page_size=3>; rel="last"`, 1, 3},
		{"page_size=3&page=2", "trout", `</f?page=1&page_size=3>; rel="first", </f?page=1&page_size=3>; rel="prev", </f?page=2&page_size=3>; rel="last"`, 2, 3},
		{"page_size=2&page=9&order_by=-name", "", `</f?order_by=-name&page=1&page_size=2>; rel="first", </f?order_by=-name&page=2&page_size=2>; rel="prev", </f?order_by=-name&page=2&page_size=2>; rel="last"`, 9, 2},
		{"", `a "b"\ ü eel pike trout`, `</f?page=1&page_size=50>; rel="first", </f?page=1&page_size=50>; rel="last"`, 1, 50},
	} {
		q, err := listing.Parse(c.raw, schema())
		if err != nil {
			t.Fatal(err)
		}
		p := q.Apply(shoal())
		if got := names(p); got != c.names || p.Page != c.page || p.PageSize != c.size || p.Total != 4 || p.Items == nil {
			t.Errorf("%q: %q, page %d of %d, total %d", c.raw, got, p.Page, p.PageSize, p.Total)
		}
		if diff := cmp.Diff(c.links, q.Links("/f", p.Total, false, "")); diff != "" {
			t.Errorf("%q: links (-want +got)\n%s", c.raw, diff)
		}
	}
	q, _ := listing.Parse("filter="+url.QueryEscape(`name eq "é>,"`), schema())
	want := `</f?filter=name+eq+%22%C3%A9%3E%2C%22&page=1&page_size=50>; rel="first", </f?filter=name+eq+%22%C3%A9%3E%2C%22&page=2&page_size=50>; rel="next"`
	if diff := cmp.Diff(want, q.Links("/f", 50, true, "")); diff != "" {
		t.Errorf("links of a total that is a lower bound (-want +got)\n%s", diff)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		filter   string
		from, to time.Time
		only     string
		limited  bool
	}{
		{`caught_at ge "2026-11-01" and caught_at lt "2026-11-05" and (caught_at gt "2026-11-02")`, day(2), day(5), "", false},
		{`caught_at eq "2026-11-03" and name eq "eel"`, day(3), day(3), "eel", true},
		{`caught_at ge "2026-11-01" or name eq "eel"`, time.Time{}, time.Time{}, "", false},
		{`not caught_at ge "2026-11-01" and name in ("a","b")`, time.Time{}, time.Time{}, "a b", true},
		{`caught_at ne null and caught_at eq null`, time.Time{}, time.Time{}, "", false},
	} {
		q, err := listing.Parse(query("filter", c.filter), schema())
		if err != nil {
			t.Fatal(err)
		}
		from, to := q.Between("caught_at")
		only, limited := q.Only("name")
		if !from.Equal(c.from) || !to.Equal(c.to) || strings.Join(only, " ") != c.only || limited != c.limited {
			t.Errorf("%s: from %v to %v, only %v (%v)", c.filter, from, to, only, limited)
		}
	}
}
