package penstock

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

const walksPage = "docs/decisions/0015-five-walks.md"

var (
	walkStop    = regexp.MustCompile("(?m)^[0-9]+\\. (?:`([^`]+)`|(.+)$)")
	walkFigures = regexp.MustCompile(`(\d+) rooms with (\d+) returns[;.]`)
)

// The walks name files that exist, and their figures are those of their lists.
func TestWalks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(walksPage)
	if err != nil {
		t.Fatal(err)
	}
	walks, titles := map[string][]string{}, []string{}
	sections := strings.Split(string(page), "\n## ")[1:]
	for _, s := range sections {
		title, text, _ := strings.Cut(s, "\n")
		titles = append(titles, title)
		for _, stop := range walkStop.FindAllStringSubmatch(text, -1) {
			if stop[1] == "" { // another walk, in its place
				walks[title] = append(walks[title], stop[2])
				continue
			}
			if _, err := os.Stat(stop[1]); err != nil {
				t.Errorf("%s: %v", title, err)
			}
			walks[title] = append(walks[title], path.Dir(stop[1]))
		}
	}
	if len(titles) != 5 {
		t.Fatalf("%d walks: %q", len(titles), titles)
	}
	for i, s := range sections {
		alone, whole := figuresOf(walks, titles[i], false), figuresOf(walks, titles[i], true)
		want := []string{alone}
		if whole != alone {
			want = append(want, whole)
		}
		var got []string
		for _, m := range walkFigures.FindAllStringSubmatch(s, -1) {
			got = append(got, m[1]+" rooms with "+m[2]+" returns")
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: the page says %q, its list has %q", titles[i], got, want)
		}
	}
}

// figuresOf counts the rooms and returns of a walk, with those of the walks in it or without.
func figuresOf(walks map[string][]string, title string, whole bool) string {
	var rooms []string
	for _, room := range walks[title] {
		switch inner, is := walks[room]; {
		case !is:
			rooms = append(rooms, room)
		case whole:
			rooms = append(rooms, inner...)
		}
	}
	seen, returns := map[string]bool{}, 0
	for i, room := range rooms {
		if i > 0 && room == rooms[i-1] {
			continue
		}
		if seen[room] {
			returns++
		}
		seen[room] = true
	}
	return fmt.Sprintf("%d rooms with %d returns", len(seen), returns)
}
