package language

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	tags "golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

//go:embed *.yaml
var files embed.FS

// file is a catalogue: the name of a language in itself, and its messages by their English text. A message about a number has a
// text for each case that the language tells apart: zero, one, two, few, many and other.
type file struct {
	Language string         `yaml:"language"`
	Messages map[string]any `yaml:"messages"`
}

// read returns the languages of the files of a directory. It panics at a mistake in one, which a test finds before.
func read(dir fs.FS) []*Language {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		panic(err)
	}
	var found []*Language
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err == nil {
			var l *Language
			if l, err = parse(strings.TrimSuffix(name, ".yaml"), text); err == nil {
				found = append(found, l)
			}
		}
		if err != nil {
			panic(fmt.Errorf("read language %s: %w", name, err))
		}
	}
	return found
}

// parse reads the catalogue of the language with a code.
func parse(code string, text []byte) (*Language, error) {
	tag, err := tags.Parse(code)
	if err != nil {
		return nil, err
	}
	var from file
	if err := yaml.UnmarshalWithOptions(text, &from, yaml.Strict()); err != nil {
		return nil, err
	}
	l := &Language{tag: tag, name: from.Language, plain: make(map[string]string, len(from.Messages)), plurals: map[string]any{}}
	formats := catalog.NewBuilder(catalog.Fallback(tag))
	for key, message := range from.Messages {
		switch message := message.(type) {
		case string:
			l.plain[key] = message
			err = formats.SetString(tag, key, message)
		case map[string]any:
			l.plurals[key] = message
			err = formats.Set(tag, key, plural.Selectf(1, "%d", cases(message)...))
		default:
			err = fmt.Errorf("a text or cases are expected, not %T", message)
		}
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", strconv.Quote(key), err)
		}
	}
	l.numbers = message.NewPrinter(tag, message.Catalog(formats))
	l.point = strings.Trim(l.numbers.Sprint(number.Decimal(0.5)), "05")
	return l, nil
}

// cases returns the texts of a message about a number as the plural package takes them.
func cases(texts map[string]any) (some []any) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		some = append(some, name, fmt.Sprint(texts[name]))
	}
	return some
}
