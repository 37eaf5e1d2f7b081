// Package language says the texts of the console in the language of the reader. The key of a message is its English text; the
// other languages are one file each, such as de.yaml.
package language

import (
	"context"
	"strings"
	"sync"

	tags "golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Language is one language of the console. It is safe for concurrent use. The methods of nil are those of English.
type Language struct {
	tag     tags.Tag
	name    string            // in the language itself
	plain   map[string]string // messages by key; nil: the key is the message
	plurals map[string]any    // texts of messages about a number by key, and by the case
	numbers *message.Printer  // formats messages with arguments, and numbers
	point   string            // decimal sign
	marked  bool              // for tests: a message is put between ⟦ and ⟧
}

// English is the language of the keys.
var English = &Language{tag: tags.English, name: "English", numbers: message.NewPrinter(tags.English), point: "."} // read only

// Marked returns a language for tests: English, with each message between ⟦ and ⟧.
func Marked() *Language {
	return &Language{tag: tags.English, name: "Marked", numbers: message.NewPrinter(tags.English), point: ".", marked: true}
}

// Code returns the tag of the language as HTML has it, such as "de".
func (l *Language) Code() string { return l.orEnglish().tag.String() }

// Translated reports whether there is a catalogue of the language: English needs none.
func (l *Language) Translated() bool { return l.orEnglish().plain != nil }

// Name returns the name of the language in the language itself.
func (l *Language) Name() string { return l.orEnglish().name }

func (l *Language) orEnglish() *Language {
	if l == nil {
		return English
	}
	return l
}

// Messages returns the messages with some keys, as far as there are any: texts, or the texts of each case of a number.
func (l *Language) Messages(keys []string) map[string]any {
	some := map[string]any{}
	for _, key := range keys {
		if text, found := l.plain[key]; found {
			some[key] = text
		} else if texts, found := l.plurals[key]; found {
			some[key] = texts
		}
	}
	return some
}

// All returns the languages of the console, English first.
func All() []*Language { return all() }

// all reads the catalogues once: a process that serves no console does not need them.
var all = sync.OnceValue(func() []*Language { return append([]*Language{English}, read(files)...) })

// matcher finds the language for what a browser asks for.
var matcher = sync.OnceValue(func() tags.Matcher {
	var known []tags.Tag
	for _, l := range All() {
		known = append(known, l.tag)
	}
	return tags.NewMatcher(known)
})

// Named returns the language with a code; nil if there is none.
func Named(code string) *Language {
	for _, l := range All() {
		if l.Code() == code {
			return l
		}
	}
	return nil
}

// maxAccept is the number of bytes of an Accept-Language header that are read.
const maxAccept = 200

// Choose returns the language of a reader: that which the reader has chosen by its code, else the one that suits the header
// Accept-Language best, else English.
func Choose(chosen, accept string) *Language {
	if l := Named(chosen); l != nil {
		return l
	}
	if accept == "" {
		return English
	}
	accept = accept[:min(len(accept), maxAccept)]
	if len(accept) == maxAccept { // the last one may be cut
		accept = accept[:max(strings.LastIndexByte(accept, ','), 0)]
	}
	wanted, _, err := tags.ParseAcceptLanguage(accept)
	if err != nil {
		return English
	}
	_, at, _ := matcher().Match(wanted...)
	return All()[at]
}

type contextKey struct{}

// With returns a context in which texts are in a language.
func With(ctx context.Context, l *Language) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// Of returns the language of a context; English if it has none.
func Of(ctx context.Context) *Language {
	l, _ := ctx.Value(contextKey{}).(*Language)
	return l.orEnglish()
}
