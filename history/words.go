package history

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/penstock/penstock/queue"
)

// The limits of the words by which a run is found.
const (
	maxWords  = 500       // of a run; further ones are left out
	maxWord   = 64        // characters of a word; the rest is cut off
	maxLooked = 256 << 10 // bytes of one value that are looked through for words
)

// wordsOf returns the words in the event, the output, the error and the items of a run: those of texts and numbers, not the
// names of members. The id of the run and its short form are among them.
func wordsOf(r *queue.Record, steps *recordedSteps) []string {
	w := &wordSet{seen: map[string]bool{}}
	w.add(r.ID)
	if r.Error != nil {
		w.add(r.Error.Message)
		w.add(string(r.Error.Code))
	}
	w.addJSON(r.Event)
	w.addJSON(r.Output)
	for _, value := range steps.values() {
		w.addJSON(value)
	}
	slices.Sort(w.words)
	return w.words
}

// recordedSteps is what the record of a run has of its steps.
type recordedSteps struct {
	Steps []recordedStep `json:"steps"`
	Log   []struct {
		Message json.RawMessage `json:"message"`
		Fields  json.RawMessage `json:"fields"`
	} `json:"log"`
}

type recordedStep struct {
	Step   string          `json:"step"`
	Micros int64           `json:"us"`
	Within string          `json:"within"` // not empty: the step is within another one
	Items  json.RawMessage `json:"items"`
	Each   []struct {
		Error json.RawMessage `json:"error"`
	} `json:"each"`
}

// stepsOf reads what is recorded of the steps of a run; nothing of what another version has written otherwise.
func stepsOf(r *queue.Record) *recordedSteps {
	s := &recordedSteps{}
	if len(r.Steps) > 0 && json.Unmarshal(r.Steps, s) != nil {
		return &recordedSteps{}
	}
	return s
}

// values returns the items and the log messages that the steps recorded, and the errors of single items.
func (s *recordedSteps) values() (values []json.RawMessage) {
	for i := range s.Steps {
		values = append(values, s.Steps[i].Items)
		for _, item := range s.Steps[i].Each {
			values = append(values, item.Error)
		}
	}
	for _, l := range s.Log {
		values = append(values, l.Message, l.Fields)
	}
	return values
}

// wordSet collects different words.
type wordSet struct {
	words []string
	seen  map[string]bool
}

func (w *wordSet) full() bool { return len(w.words) >= maxWords }

// addJSON adds the words of a JSON value that is valid, or cut off.
func (w *wordSet) addJSON(value []byte) {
	d := json.NewDecoder(bytes.NewReader(value[:min(len(value), maxLooked)]))
	d.UseNumber()
	var nested []bool // of each open value: it is an object
	name := false     // the next text is the name of a member
	for !w.full() {
		token, err := d.Token()
		if err != nil {
			if rest := value[:min(len(value), maxLooked)]; len(value) > maxLooked { // the value was cut off within a text
				w.add(string(rest[min(int(d.InputOffset()), len(rest)):]))
			}
			return
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				nested = append(nested, token == '{')
			default:
				nested = nested[:len(nested)-1]
			}
			name = len(nested) > 0 && nested[len(nested)-1]
			continue
		case string:
			if name {
				name = false
				continue
			}
			w.add(token)
		case json.Number:
			w.add(token.String())
		}
		name = len(nested) > 0 && nested[len(nested)-1]
	}
}

// add adds the words of a text.
func (w *wordSet) add(text string) {
	for _, word := range split(text) {
		if w.full() {
			return
		}
		if !w.seen[word] {
			w.seen[word] = true
			w.words = append(w.words, word)
		}
	}
}

// split returns the words of a text in lower case: letters, marks and digits with nothing between them. Of a word of more
// than 64 characters it returns the first 64.
func split(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	for i, word := range words {
		if utf8.RuneCountInString(word) > maxWord {
			words[i] = string([]rune(word)[:maxWord])
		}
	}
	return words
}
