package jsonvalue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/jsonvalue"
)

func TestDecodeIsStrict(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{`{"b":[1.10,9007199254740993123],"a":{"c":null,"d":"é\u2028"}}`, `{"a":{"c":null,"d":"é\u2028"},"b":[1.10,9007199254740993123]}`},
		{" \n[ ]\t", "[]"},
		{"{}", "{}"},
		{`"\ud83d\ude00"`, `"😀"`},
		{"", "the JSON ends too early"},
		{`{"a":`, "the JSON ends too early"},
		{`[1] 2`, "goes on after its value"},
		{`{"a":1,"a":2}`, `the JSON has the member "a" twice`},
		{`{"a":1,"\u0061":2}`, `the JSON has the member "a" twice`},
		{"\"\xff\"", "not valid UTF-8"},
		{`[1,]`, "malformed at byte"},
		{`{"a" 1}`, "malformed at byte"},
		{`01`, "goes on after its value"},
		{`NaN`, "malformed"},
		{`}`, "malformed at byte 0"},
		{`tru`, "malformed"},
		{`-`, "ends too early"},
		{`1.`, "ends too early"},
		{`1e+`, "ends too early"},
		{`.5`, "malformed"},
		{"\"a\nb\"", "malformed at byte 2"},
		{`"a\x"`, "malformed at byte 2"},
		{`"a\u12g4"`, "malformed at byte 2"},
		{`"a`, "ends too early"},
		{`"a\`, "ends too early"},
		{`"\ud83d"`, "half of a surrogate pair"},
		{`"\ude00\ud83d"`, "half of a surrogate pair"},
		{`"\"\\\/\b\f\n\r\t\u00E9é"`, `"\"\\/\u0008\u000c\n\r\téé"`},
		{strings.Repeat("[", 512) + "1" + strings.Repeat("]", 512), strings.Repeat("[", 512) + "1"},
		{strings.Repeat("[", 513) + strings.Repeat("]", 513), "nested deeper than 512"},
		{strings.Repeat("[", 600) + strings.Repeat("]", 600), "nested deeper than 512"},
		{strings.Repeat("[", 100_000), "nested deeper than 512"},
		{strings.Repeat("1", 1001), "a number of 1001 characters"},
	}
	for _, test := range tests {
		v, err := jsonvalue.Decode(nil, []byte(test.src))
		got := string(jsonvalue.Encode(v))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%.60q: %.200s, want %s", test.src, got, test.want)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    any
		want string
	}{
		{map[string]any{"z": 1, "a": []any{true, nil}}, `{"a":[true,null],"z":1}`},
		{"<a href=\"x\">&\x00\x1f\n\r\t\\\u2028\u2029\x7fé", `"<a href=\"x\">&\u0000\u001f\n\r\t\\\u2028\u2029` + "\x7f" + `é"`},
		{"bad \xff byte", `"bad \ufffd byte"`},
		{"\ufffd", "\"\ufffd\""},
		{json.Number("1.10"), "1.10"},
		{new(big.Int).Lsh(big.NewInt(1), 100), "1267650600228229401496703205376"},
		{math.MaxInt, "9223372036854775807"},
		{0.1, "0.1"},
		{3.0, "3"},
		{1e17, "1e+17"},
		{1e-7, "1e-07"},
		{math.NaN(), "null"},
		{math.Inf(1), "1.7976931348623157e+308"},
		{math.Inf(-1), "-1.7976931348623157e+308"},
		{int64(7), "7"},
		{struct{ A int }{1}, `{"A":1}`},
		{make(chan int), "null"},
	}
	for _, test := range tests {
		got := string(jsonvalue.Encode(test.v))
		if got != test.want {
			t.Errorf("%v: %s, want %s", test.v, got, test.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is not JSON", got)
		}
	}
}

// Encoded values decode to the same bytes, and encoding/json reads them.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.50,-0,1e400],"b":{"c":null}}`, `"\ud83d\ude00\u0000 "`, `[[[]],{},""]`, `{"a":1,"a":2}`, `[1]x`, "\"\xff\"", `123456789012345678901234567890`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		v, err := jsonvalue.Decode(nil, src)
		if valid := json.Valid(src); err == nil && !valid {
			t.Fatalf("%q is no JSON but decodes", src)
		} else if err != nil {
			if said := err.Error(); valid && (strings.Contains(said, "malformed") || strings.Contains(said, "early") || strings.Contains(said, "goes on")) {
				t.Fatalf("%q is JSON: %v", src, err)
			}
			return
		}
		var theirs any
		d := json.NewDecoder(bytes.NewReader(src))
		d.UseNumber()
		if err := d.Decode(&theirs); err != nil || !reflect.DeepEqual(theirs, v) {
			t.Fatalf("%q: %v, encoding/json reads %v, %v", src, v, theirs, err)
		}
		once := jsonvalue.Encode(v)
		again, err := jsonvalue.Decode(nil, once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if twice := jsonvalue.Encode(again); string(once) != string(twice) {
			t.Errorf("%q, then %q", once, twice)
		}
	})
}

// Values and texts are charged before they are made: one that exceeds the limit of its run is rejected, and so is all
// work after the end of the context.
func TestCharges(t *testing.T) {
	t.Parallel()
	text := []byte("[" + strings.Repeat(`{"name":"a value"},`, 20_000) + "0]")
	v, err := jsonvalue.Decode(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tc := range map[string]struct {
		ctx  context.Context
		most int64
		want error
	}{
		"within the limit":             {t.Context(), 64 << 20, nil},
		"over the limit":               {t.Context(), 64 << 10, budget.ErrRunLimit},
		"after the end of the context": {ended, 64 << 20, context.Canceled},
	} {
		charger := func() *budget.Charger {
			account := (*budget.Process)(nil).Open(tc.most, nil)
			t.Cleanup(account.Close)
			return budget.NewCharger(tc.ctx, account, new(atomic.Int64))
		}
		if _, err := jsonvalue.Decode(charger(), text); !errors.Is(err, tc.want) {
			t.Errorf("%s: decode: %v", name, err)
		}
		if got, err := jsonvalue.EncodeOn(charger(), v); !errors.Is(err, tc.want) || err != nil && got != nil || err == nil && !bytes.Equal(got, jsonvalue.Encode(v)) {
			t.Errorf("%s: encode: %d bytes, %v", name, len(got), err)
		}
	}
}
