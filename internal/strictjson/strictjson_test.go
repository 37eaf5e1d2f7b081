package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return b.String()
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `1E-3`, `12345678901234567890.000000000000000000010`, `1e999999`,
		`""`, `"a\"\\\/\b\f\n\r\tb"`, `"\u0041\ud83d\ude00é☃"`, "\"\u007f\u2028\"",
		`[]`, `{}`, ` [ 1 , [ ] , { } ] `, "\r\n\t{\"a\" : {\"a\" : [{\"a\":1},{\"a\":2}]} }\n",
		`{"a":1,"A":2,"":3,"\u0000":4}`, `[{"a":1},{"a":1}]`, `{"a":{"b":1},"b":{"a":1}}`,
		nest(64), `{` + members(1000) + `"m":0}`,
	} {
		if err := Check([]byte(text), 64); err != nil {
			t.Errorf("Check(%.80q) = %v", text, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, reason string
		offset             int
	}{
		{"nothing", ``, "ends too early", 0},
		{"white space only", ` `, "ends too early", 1},
		{"cut object", `{"a":1`, "ends too early", 6},
		{"cut string", `"abc`, "ends too early", 4},
		{"cut escape", `"\`, "ends too early", 2},
		{"cut literal", `tru`, "JSON value is expected", 0},
		{"trailing data", `{} {}`, "data after", 3},
		{"trailing comma in an array", `[1,]`, "JSON value is expected", 3},
		{"trailing comma in an object", `{"a":1,}`, "member name", 7},
		{"missing comma", `[1 2]`, `","`, 3},
		{"missing colon", `{"a" 1}`, `":"`, 5},
		{"wrong bracket", `[1}`, `","`, 2},
		{"unquoted name", `{a:1}`, "member name", 1},
		{"single quotes", `'a'`, "JSON value is expected", 0},
		{"comment", `/**/1`, "JSON value is expected", 0},
		{"byte order mark", "\ufeff{}", "JSON value is expected", 0},
		{"no-break space", "\u00a01", "JSON value is expected", 0},
		{"NaN", `NaN`, "JSON value is expected", 0},
		{"leading zero", `01`, "data after", 1},
		{"plus sign", `+1`, "JSON value is expected", 0},
		{"bare minus", `-a`, "digit", 1},
		{"no digit after the point", `1.e5`, "decimal point", 2},
		{"no digit before the point", `.5`, "JSON value is expected", 0},
		{"no digit in the exponent", `1e+x`, "exponent", 3},
		{"line break in a string", "\"a\nb\"", "control character", 2},
		{"control character behind an escape", "\"\\n\x01\"", "control character", 3},
		{"unknown escape", `"\x41"`, "unknown escape", 2},
		{"bad unicode escape", `"\u00g0"`, "hexadecimal", 2},
		{"high surrogate alone", `"\ud83d"`, "surrogate", 1},
		{"low surrogate alone", `"\ude00"`, "surrogate", 1},
		{"two high surrogates", `"\ud83d\ud83d"`, "surrogate", 1},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "invalid UTF-8", 6},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", "invalid UTF-8", 1},
		{"duplicate member", `{"a":1,"b":2,"a":3}`, `duplicate member "a"`, 0},
		{"duplicate member within", `[{"x":{"a":1,"a":1}}]`, `duplicate member "a"`, 6},
		{"duplicate behind a nested object", `{"a":{"b":1,"c":2},"a":1}`, `duplicate member "a"`, 0},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, `duplicate member "a"`, 0},
		{"duplicate among many", `{` + members(1000) + `"m500":0}`, `duplicate member "m500"`, 0},
		{"too deep", nest(65), "too deep", 64},
		{"too deep, mixed", strings.Repeat(`[{"a":`, 33), "too deep", 32*6 + 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := Check([]byte(tc.text), 64)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("Check(%.80q) = %v, want an *Error", tc.text, err)
			}
			if !strings.Contains(bad.Reason, tc.reason) || bad.Offset != tc.offset {
				t.Errorf("refused with %v, want %q at byte %d", bad, tc.reason, tc.offset)
			}
		})
	}
}

func TestCheckLeavesTheTextAlone(t *testing.T) {
	t.Parallel()
	text := []byte(`{` + members(100) + `"a":"\u0041"}`)
	before := bytes.Clone(text)
	if err := Check(text, 64); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, before) {
		t.Error("the text was changed")
	}
}

func TestCheckAllocatesOnce(t *testing.T) {
	text := []byte(`{"email":"a@b.org","tags":["x","y"],"address":{"city":"Denver","zip":80202}}`)
	if n := testing.AllocsPerRun(100, func() { _ = Check(text, 64) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzCheck compares Check with encoding/json: both accept the same, except for the deviations of encoding/json.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e3,true,null,"x\n\u00e9"]}`, `{"a":1,"\u0061":2}`, `"\ud83d\ude00"`, `"\ud83d"`, `[1,]`, `01`, "\xff", `{} {}`, nest(65),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := Check(text, 64)
		if err == nil {
			if !json.Valid(text) {
				t.Fatalf("accepted %q, which is not JSON", text)
			}
			if name, twice := firstDuplicate(json.NewDecoder(bytes.NewReader(text))); twice {
				t.Fatalf("accepted %q, which names %q twice", text, name)
			}
			return
		}
		var bad *Error
		if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(text) {
			t.Fatalf("Check(%q) = %v", text, err)
		}
		for _, stricter := range []string{"invalid UTF-8", "duplicate", "surrogate", "too deep"} {
			if strings.Contains(bad.Reason, stricter) {
				return
			}
		}
		if json.Valid(text) {
			t.Fatalf("refused %q: %v", text, err)
		}
	})
}

// firstDuplicate finds a repeated member name with the decoder's tokens.
func firstDuplicate(dec *json.Decoder) (string, bool) {
	dec.UseNumber()
	type level struct {
		seen map[string]bool // nil: an array
		name bool            // a name comes next
	}
	stack := []level{{}}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return "", false
		}
		top := &stack[len(stack)-1]
		if name, ok := token.(string); ok && top.seen != nil && top.name {
			if top.seen[name] {
				return name, true
			}
			top.seen[name], top.name = true, false
			continue
		}
		top.name = top.seen != nil
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{seen: map[string]bool{}, name: true})
		case json.Delim('['):
			stack = append(stack, level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	text := []byte(`{"email":"a@b.org","tags":["x","y"],"address":{"city":"Denver","zip":80202},"pad":"` + strings.Repeat("x", 900) + `"}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(text, 64); err != nil {
			b.Fatal(err)
		}
	}
}
