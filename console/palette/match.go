package palette

import (
	"slices"
	"strings"
	"unicode"

	"github.com/penstock/penstock/console/view"
)

const (
	// maxOfGroup is the maximum number of finds of one group.
	maxOfGroup = 8
	// maxAtFirst is that before anything is typed.
	maxAtFirst = 30
)

// finder collects what words find.
type finder struct {
	words []string
	all   []scored
}

type scored struct {
	view.Found
	score int
}

func newFinder(text string) *finder { return &finder{words: strings.Fields(strings.ToLower(text))} }

// add adds what it is given if each word is somewhere in its title or the text beside it. less lowers its rank.
func (f *finder) add(found view.Found, less int) {
	score := 0
	title, beside := strings.ToLower(found.Title), strings.ToLower(found.Beside)
	for _, word := range f.words {
		one := max(3*rank(title, word), rank(beside, word))
		if one == 0 {
			return
		}
		score += one
	}
	f.all = append(f.all, scored{found, score - less})
}

// rank says how well a word fits a text: 4 if it is the text, 3 at its beginning, 2 at that of a word of it, 1 within it, 0 if it is not
// there.
func rank(text, word string) int {
	at := strings.Index(text, word)
	switch {
	case at < 0:
		return 0
	case text == word:
		return 4
	case at == 0:
		return 3
	}
	for ; at > 0; at = next(text, word, at) {
		if before := rune(text[at-1]); !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			return 2
		}
	}
	return 1
}

// next returns where a word is again after a place of a text; -1: nowhere.
func next(text, word string, at int) int {
	again := strings.Index(text[at+1:], word)
	if again < 0 {
		return -1
	}
	return at + 1 + again
}

// best returns the groups in their order by the best of each, with the finds of each in the same way. Equals stay in the order in
// which they were added.
func (f *finder) best() []view.FoundGroup {
	slices.SortStableFunc(f.all, func(a, b scored) int { return b.score - a.score })
	var groups []view.FoundGroup
	most := maxOfGroup
	if len(f.words) == 0 {
		most = maxAtFirst
	}
	for _, one := range f.all {
		at := slices.IndexFunc(groups, func(g view.FoundGroup) bool { return g.Title == one.Group })
		if at < 0 {
			groups = append(groups, view.FoundGroup{Title: one.Group})
			at = len(groups) - 1
		}
		if g := &groups[at]; len(g.Finds) < most {
			g.Finds = append(g.Finds, one.Found)
		} else {
			g.More++
		}
	}
	return groups
}
