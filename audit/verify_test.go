package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// chain returns the lines of a chain of n entries, as an export has them.
func chain(t *testing.T, keys Keys, n int) [][]byte {
	t.Helper()
	l := New(Config{Keys: keys})
	var lines [][]byte
	state := []any{int64(0), "", "", int64(1_800_000_000_000)}
	for i := range n {
		e := Entry{
			Actor: "user:ann", Act: "PATCH /v1/users/:name", Object: fmt.Sprint("bob", i), Status: 200, Message: "ä\u2028<&>\"\\\n€😀",
			Changes: []Change{{Field: "email", Before: json.RawMessage(`"a@example.org"`), After: json.RawMessage(`{ "b": 1.50, "a": 2 }`)}, {Field: "password", Secret: true}},
		}
		e.normalise()
		args, err := l.sealed([]*pending{{entry: &e}}, state)
		if err != nil {
			t.Fatal(err)
		}
		state[1] = args[1]
		lines = append(lines, args[3].([]byte))
	}
	return lines
}

func check(t *testing.T, v *Verifier, lines [][]byte) Report {
	t.Helper()
	for _, line := range lines {
		e, err := ParseEntry(line)
		if err != nil {
			continue // as the command does; the entry is missing
		}
		if !v.Add(e) {
			break
		}
	}
	return v.Report()
}

func TestVerifierNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, "k1")
	good := chain(t, keys, 8)
	other := chain(t, testKeys(t, "k2"), 8)
	edit := func(at int, from, to string) func([][]byte) [][]byte {
		return func(lines [][]byte) [][]byte {
			if !bytes.Contains(lines[at], []byte(from)) {
				t.Fatalf("no %s in %s", from, lines[at])
			}
			lines[at] = bytes.Replace(lines[at], []byte(from), []byte(to), 1)
			return lines
		}
	}
	// rehashed is an entry that somebody without the key has made: its hash is right.
	rehashed := func(line []byte, from, to string) []byte {
		e, err := ParseEntry(bytes.Replace(line, []byte(from), []byte(to), 1))
		if err != nil {
			t.Fatal(err)
		}
		mac := e.MAC
		text, err := e.seal(testKeys(t, "k2")[0])
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(`"key":"k2"`), []byte(`"key":"k1"`), 1)
		return bytes.Replace(text, []byte(e.MAC), []byte(mac), 1)
	}
	for _, tc := range []struct {
		name   string
		change func([][]byte) [][]byte
		kind   FaultKind // with the keys
		seq    int64
		alone  FaultKind // without; empty: it is not found
	}{
		{"a changed byte", edit(3, "bob3", "bob9"), Changed, 4, Changed},
		{"a changed time", edit(3, "2027-01", "2026-01"), Changed, 4, Changed},
		{"a member more", edit(3, `{"act"`, `{"aa":1,"act"`), Changed, 4, Changed},
		{"a changed signature", func(l [][]byte) [][]byte {
			e, _ := ParseEntry(l[3])
			return edit(3, e.MAC, strings.Repeat("0", 64))(l)
		}, Changed, 4, ""},
		{"a changed id", edit(3, `"id":"1800000000000-4"`, `"id":"1800000000000-5"`), Changed, 4, Changed},
		{"one is removed", func(l [][]byte) [][]byte { return slices.Delete(l, 3, 4) }, Missing, 4, Missing},
		{"two are removed", func(l [][]byte) [][]byte { return slices.Delete(l, 3, 5) }, Missing, 4, Missing},
		{"one is made unreadable", func(l [][]byte) [][]byte { l[3] = []byte("x"); return l }, Missing, 4, Missing},
		{"one is inserted again", func(l [][]byte) [][]byte { return slices.Insert(l, 6, l[3]) }, Inserted, 4, Inserted},
		{"one is inserted without the key", func(l [][]byte) [][]byte { return slices.Insert(l, 3, rehashed(l[3], "bob3", "bob9")) }, Changed, 4, Inserted},
		{"one is rewritten without the key", func(l [][]byte) [][]byte { l[3] = rehashed(l[3], "bob3", "bob9"); return l }, Changed, 4, Changed},
		{"the last one is rewritten without the key", func(l [][]byte) [][]byte { l[7] = rehashed(l[7], "bob7", "bob9"); return l }, Changed, 8, ""},
		{"one without a number is inserted", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte(`{"actor":"x"}`)) }, Inserted, 0, Inserted},
		{"two are swapped", func(l [][]byte) [][]byte { l[3], l[4] = l[4], l[3]; return l }, OutOfOrder, 4, OutOfOrder},
		{"far ones are swapped", func(l [][]byte) [][]byte { l[2], l[6] = l[6], l[2]; return l }, OutOfOrder, 3, OutOfOrder},
		{"all are of another key", func([][]byte) [][]byte { return slices.Clone(other) }, Changed, 1, ""},
	} {
		for _, with := range []Keys{keys, nil} {
			want, seq := tc.kind, tc.seq
			if with == nil {
				want = tc.alone
			}
			r := check(t, &Verifier{Keys: with}, tc.change(slices.Clone(good)))
			switch {
			case want == "" && !r.OK:
				t.Errorf("%s: %v without the keys", tc.name, r.Fault)
			case want != "" && (r.OK || r.Fault.Kind != want || with != nil && r.Fault.Seq != seq):
				t.Errorf("%s, keys %v: %+v, want %s at %d", tc.name, with != nil, r.Fault, want, seq)
			}
		}
	}
	if r := check(t, &Verifier{Keys: keys, Whole: true}, good); !r.OK || r.From != 1 || r.To != 8 || r.SignedTo != 8 {
		t.Errorf("as it was written: %+v", r)
	}
	if r := check(t, &Verifier{Keys: keys}, good[2:]); !r.OK || r.From != 3 {
		t.Errorf("a part: %+v", r)
	}
	if r := check(t, &Verifier{Keys: keys, Whole: true}, good[2:]); r.OK || r.Fault.Kind != Missing {
		t.Errorf("the beginning is missing: %+v", r)
	}
	again := slices.Concat(good[:5], good[2:])
	if r := check(t, &Verifier{Keys: keys, Repeats: true}, again); !r.OK || r.Entries != 8 {
		t.Errorf("an export that went on before its end: %+v", r.Fault)
	}
	if r := check(t, &Verifier{Keys: keys}, again); r.OK || r.Fault.Kind != Inserted {
		t.Errorf("a log with the same: %+v", r)
	}
}

// The form of a document of RFC 8785, section 3.2.3, as far as whole numbers go.
func TestCanonical(t *testing.T) {
	t.Parallel()
	got, err := Canonical([]byte(`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis", "z": [ 1, true , null, "\u000f\b\u000b\n<\/>" ], "hash": 1}`), "hash")
	want := `{"\r":"Carriage Return","1":"One","z":[1,true,null,"\u000f\b\u000b\n</>"],"` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	for _, text := range []string{"1.5", "1e3", "9007199254740992", "-0", "", "{} {}", `{"a":`} {
		if got, err := Canonical([]byte(text)); err == nil {
			t.Errorf("%s is %s", text, got)
		}
	}
}

func TestEntryIsBounded(t *testing.T) {
	t.Parallel()
	long := json.RawMessage(`"` + strings.Repeat("ä", 4000) + `"`)
	e := Entry{Message: strings.Repeat("ä", 4000) + "\xff"}
	for range 100 {
		e.Changes = append(e.Changes, Change{Field: strings.Repeat("f", 5000), Before: long, After: json.RawMessage("1.5")})
	}
	e.Changes[0].Secret = true
	e.normalise()
	if n := len(e.Text()); n > 200_000 {
		t.Errorf("it has %d bytes", n)
	}
	if c := e.Changes[0]; c.Before != nil || c.After != nil {
		t.Errorf("a secret is shown: %+v", c)
	}
	if string(e.Changes[1].After) != `"1.5"` {
		t.Errorf("a number that readers read otherwise: %s", e.Changes[1].After)
	}
	if _, err := Canonical(e.Text()); err != nil {
		t.Error(err)
	}
}
