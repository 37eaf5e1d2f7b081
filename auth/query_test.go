package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, raw string
		want      []Param
	}{
		{"empty", "", nil},
		{"sorted by byte order", "ts=1&flow=69&Flow=2&check=x", []Param{{"Flow", "2"}, {"check", "x"}, {"flow", "69"}, {"ts", "1"}}},
		{"escapes", "%66low=6%39&a=%C3%A9+%2B", []Param{{"a", "é +"}, {"flow", "69"}}},
		{"raw UTF-8", "a=é", []Param{{"a", "é"}}},
		{"no equals sign", "a&b=", []Param{{"a", ""}, {"b", ""}}},
		{"equals sign in the value", "a=b=c", []Param{{"a", "b=c"}}},
		{"escaped ampersand and semicolon", "a=%26%3B", []Param{{"a", "&;"}}},
		{"longest name", strings.Repeat("n", 64) + "=1", []Param{{strings.Repeat("n", 64), "1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, err := ParseQuery(tc.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, q.Params()); diff != "" {
				t.Error(diff)
			}
			for _, p := range tc.want {
				if got, ok := q.Lookup(p.Name); !ok || got != p.Value {
					t.Errorf("Lookup(%q) = %q, %v", p.Name, got, ok)
				}
			}
			if _, ok := q.Lookup("absent"); ok {
				t.Error("an absent parameter was found")
			}
		})
	}
}

func TestParseQueryRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, raw, reason string
		offset            int
	}{
		{"duplicate name", "flow=1&ts=2&flow=1", `"flow" comes twice`, 12},
		{"duplicate after decoding", "flow=1&%66low=1", `"flow" comes twice`, 7},
		{"cut escape in a value", "a=%4", "bad % escape", 0},
		{"lone percent", "b=1&a=%", "bad % escape", 4},
		{"not hexadecimal", "a=%zz", "bad % escape", 0},
		{"half hexadecimal", "a=%4g", "bad % escape", 0},
		{"bad escape in a name", "%4=1", "bad % escape in the name", 0},
		{"semicolon", "a=1;b=2", `";"`, 0},
		{"escaped invalid UTF-8", "a=%ff", "not UTF-8", 0},
		{"raw invalid UTF-8", "a=\xff", "not UTF-8", 0},
		{"escaped overlong UTF-8", "a=%c0%af", "not UTF-8", 0},
		{"separator in a value", "a=1|2", `holds "|"`, 0},
		{"escaped separator in a value", "a=1%7C2", `holds "|"`, 0},
		{"empty name", "=1", "a name has", 0},
		{"empty pair", "a=1&&b=2", "a name has", 4},
		{"trailing ampersand", "a=1&", "a name has", 4},
		{"dot in a name", "a.b=1", "a name has", 0},
		{"brackets in a name", "a[]=1", "a name has", 0},
		{"space in a name", "a+b=1", "a name has", 0},
		{"name beyond ASCII", "é=1", "a name has", 0},
		{"name too long", strings.Repeat("n", 65) + "=1", "a name has", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseQuery(tc.raw)
			var bad *QueryError
			if !errors.As(err, &bad) {
				t.Fatalf("ParseQuery(%q) = %v, want a *QueryError", tc.raw, err)
			}
			if !strings.Contains(bad.Reason, tc.reason) || bad.Offset != tc.offset {
				t.Errorf("refused with %v, want %q at byte %d", bad, tc.reason, tc.offset)
			}
		})
	}
}

func TestParseQueryBoundsTheNumberOfParameters(t *testing.T) {
	t.Parallel()
	var raw strings.Builder
	for i := range maxParams {
		raw.WriteString("n" + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + "=&")
	}
	many := raw.String()
	if _, err := ParseQuery(strings.TrimSuffix(many, "&")); err != nil {
		t.Errorf("%d parameters: %v", maxParams, err)
	}
	if _, err := ParseQuery(many + "one-more="); err == nil {
		t.Errorf("%d parameters were accepted", maxParams+1)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"flow=69&key=sdfjh435hh345454&ts=1795280000&check=2623a00e687a7f5f27a83460773cb7bc",
		"a=%C3%A9+%2B&%66low=1", "a=1;b=2", "a=%", "a=%zz", "a&&b", "=", "a=1&a=2", "a=%7C",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseQuery(raw)
		if err != nil {
			var bad *QueryError
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(raw) {
				t.Fatalf("ParseQuery(%q) = %v", raw, err)
			}
			return
		}
		again, err := ParseQuery(encode(q))
		if err != nil {
			t.Fatalf("what %q means cannot be written again: %v", raw, err)
		}
		if diff := cmp.Diff(q.Params(), again.Params()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// encode returns a query string with the parameters of q.
func encode(q Query) string {
	var b strings.Builder
	for i, p := range q.Params() {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.Name + "=")
		for j := range len(p.Value) {
			const digits = "0123456789ABCDEF"
			c := p.Value[j]
			b.Write([]byte{'%', digits[c>>4], digits[c&0xf]})
		}
	}
	return b.String()
}
