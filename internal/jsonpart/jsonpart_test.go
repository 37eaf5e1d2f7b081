package jsonpart

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const sample = ` {"a" : [1, {"b/c": "x\"]y", "t~": []}, "zwei"], "ä\u0041": {"deep": [[], {}, [0]]}, "n": -1.5e3, "e": {} , "":null} `

// decode decodes a JSON text as the standard library does.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestAt(t *testing.T) {
	t.Parallel()
	for pointer, want := range map[string]string{
		"":             strings.TrimSpace(sample),
		"/a":           `[1, {"b/c": "x\"]y", "t~": []}, "zwei"]`,
		"/a/1/b~1c":    `"x\"]y"`,
		"/a/1/t~0":     `[]`,
		"/a/2":         `"zwei"`,
		"/äA/deep/2/0": `0`,
		"/n":           `-1.5e3`,
		"/e":           `{}`,
		"/":            `null`,
	} {
		v, err := At([]byte(sample), pointer)
		if err != nil || string(v.Text) != want {
			t.Errorf("%s: %s %v, want %s", pointer, v.Text, err, want)
		}
	}
	for _, pointer := range []string{"a", "/b", "/a/3", "/a/x", "/n/0", "/a/-1"} {
		if v, err := At([]byte(sample), pointer); err == nil {
			t.Errorf("%s: %s", pointer, v.Text)
		}
	}
}

func TestChildren(t *testing.T) {
	t.Parallel()
	whole := Whole([]byte(sample))
	if whole.Count != 5 {
		t.Errorf("%d members", whole.Count)
	}
	all := Children(whole, 1, 3)
	var names []string
	var counts []int
	for _, c := range all {
		names, counts = append(names, c.Name), append(counts, c.Count)
	}
	if !reflect.DeepEqual(names, []string{"äA", "n", "e"}) || !reflect.DeepEqual(counts, []int{1, 0, 0}) || all[0].Index != 1 {
		t.Errorf("%q %v", names, counts)
	}
	many := Whole([]byte("[" + strings.Repeat("[1,2],", 99_999) + "[3]]"))
	last := Children(many, 99_999, 100)
	if many.Count != 100_000 || len(last) != 1 || string(last[0].Text) != "[3]" || last[0].Count != 1 {
		t.Errorf("%d children, the last %+v", many.Count, last)
	}
}

// The children put together are the value.
func FuzzChildren(f *testing.F) {
	for _, text := range []string{sample, `[[[[`, `{"a":`, `"\`, `[1,,2]`, `{"a" "b"}`, `]`, ``, `[{"a":[1,"]"]}]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := Whole(text)
		children := Children(v, 0, 1000)
		Search(text, "a", 10)
		if !json.Valid(text) {
			return
		}
		whole := decode(t, text)
		if !reflect.DeepEqual(decode(t, v.Text), whole) {
			t.Fatalf("%s is not %s", v.Text, text)
		}
		if len(children) < min(v.Count, 1000) || v.Count < 1000 && len(children) != v.Count {
			t.Fatalf("%d children, counted %d: %s", len(children), v.Count, text)
		}
		for _, c := range children {
			var same any
			switch whole := whole.(type) {
			case []any:
				same = whole[c.Index]
			case map[string]any:
				member, known := whole[c.Name]
				if !known {
					t.Fatalf("there is no member %q in %s", c.Name, text)
				}
				if v.Count != len(whole) { // names come twice: the last one counts
					continue
				}
				same = member
			}
			if !reflect.DeepEqual(decode(t, c.Text), same) {
				t.Fatalf("child %d is %s in %s", c.Index, c.Text, text)
			}
		}
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	found := Search([]byte(sample), "ÄA", 10) // the name is escaped in the text
	if found.Total != 0 {
		t.Errorf("letters other than ASCII are folded: %+v", found)
	}
	for words, want := range map[string][]string{
		"äa":    {"/äA"},
		"ZWEI":  {"/a/2"},
		`x"]`:   {"/a/1/b~1c"},
		"-1.5":  {"/n"},
		"null":  {"/"},
		"e":     {"/a/2", "/äA/deep", "/n", "/e"},
		"b/c":   {"/a/1/b~1c"},
		"there": nil,
		"":      nil,
	} {
		found := Search([]byte(sample), words, 10)
		var got []string
		for _, h := range found.Hits {
			got = append(got, h.Pointer)
		}
		if !reflect.DeepEqual(got, want) || found.Total != len(want) || found.AtLeast {
			t.Errorf("%q: %q of %d", words, got, found.Total)
		}
	}
}

// A search is bounded however many hits there are, and however deep the text is.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	found := Search([]byte("["+strings.Repeat(`"abc",`, 20_000)+`"abc"]`), "b", 7)
	if len(found.Hits) != 7 || found.Total != maxTotal || !found.AtLeast {
		t.Errorf("%d hits of %d, %v", len(found.Hits), found.Total, found.AtLeast)
	}
	deep := strings.Repeat("[", 400_000) + `"b"` + strings.Repeat("]", 400_000)
	if found := Search([]byte(deep), "b", 7); found.Total != 0 || !found.AtLeast {
		t.Errorf("%+v", found)
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("é", 100) + "Needle" + strings.Repeat("é", 100)
	got := Excerpt([]byte(text), "needle", 60)
	if !strings.HasPrefix(got, "…é") || !strings.Contains(got, "Needle") || !strings.HasSuffix(got, "é…") || len(got) > 70 {
		t.Errorf("%q", got)
	}
	if got := Excerpt([]byte("short"), "none", 60); got != "short" {
		t.Errorf("%q", got)
	}
}
