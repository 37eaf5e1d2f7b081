package language_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/console/assets"
	"github.com/penstock/penstock/internal/password"
)

// places are the arguments of the functions of the package that are English texts: for N, that for one and that for more, which is the
// key. Read only.
var places = map[string][]int{"T": {1}, "N": {2, 3}, "Rich": {0}, "RichN": {1, 2}, "Key": {0}, "Time": {2}, "Layout": {1}}

// use is a message in the code: where it is used, and its English text for 1 if it is about a number.
type use struct{ place, one string }

// usedMessages returns the messages that the code and the scripts of the console use, by their keys.
func usedMessages(t *testing.T) map[string]use {
	t.Helper()
	found := map[string]use{}
	note := func(key string, u use) {
		if old, again := found[key]; again && old.one != u.one && old.one != "" && u.one != "" {
			t.Errorf("%s: %q has another text for 1 at %s", u.place, key, old.place)
		}
		if u.one != "" || found[key].place == "" {
			found[key] = u
		}
	}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() || strings.HasPrefix(path, "../assets/vendor/"):
		case strings.HasSuffix(path, ".js") && strings.HasPrefix(path, "../assets/"):
			script, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for key, one := range assets.TextsIn(string(script)) {
				note(key, use{path, one})
			}
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			return messagesOf(t, path, note)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range slices.Concat(fault.PageTexts(), password.Reasons()) {
		note(text, use{place: "texts that the console shares with the API"})
	}
	return found
}

// messagesOf finds the messages of a Go file.
func messagesOf(t *testing.T, path string, note func(string, use)) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			if of, ok := f.X.(*ast.Ident); ok && of.Name == "language" {
				name = f.Sel.Name
			} else if f.Sel.Name == "say" {
				name = "Key" // of the tree of JSON
			}
		} else if f, ok := call.Fun.(*ast.Ident); ok && file.Name.Name == "language" {
			name = f.Name
		}
		if name == "In" && len(call.Args) == 3 {
			name = "Key"
			place, isText := call.Args[1].(*ast.BasicLit)
			text, isToo := call.Args[2].(*ast.BasicLit)
			if isText && isToo {
				note(strings.Trim(text.Value, `"`)+" ("+strings.Trim(place.Value, `"`)+")", use{place: files.Position(call.Pos()).String()})
			}
			return true
		}
		at, ok := places[name]
		if !ok || len(call.Args) <= at[len(at)-1] {
			return true
		}
		var texts []string
		for _, i := range at {
			if literal, ok := call.Args[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Error(err)
				}
				texts = append(texts, text)
			}
		}
		place := files.Position(call.Pos()).String()
		switch {
		case len(texts) == 0: // its keys are marked with Key
		case len(at) == 2 && len(texts) == 2:
			note(texts[1], use{place, texts[0]})
		case len(at) == 1:
			note(texts[0], use{place: place})
		}
		return true
	})
	return nil
}

// catalogue is a file of the package.
type catalogue struct {
	Messages yaml.MapSlice `yaml:"messages"`
}

func readCatalogue(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var c catalogue
	if err := yaml.UnmarshalWithOptions(text, &c); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	var before string
	for _, m := range c.Messages {
		key := m.Key.(string)
		if order(key) < order(before) {
			t.Errorf("%s: %q stands behind %q: the messages are in alphabetical order", name, key, before)
		}
		all[key], before = m.Value, key
	}
	return all
}

// order is the text by which messages are sorted.
func order(key string) string { return strings.ToLower(key) + "\x00" + key }

var verb = regexp.MustCompile(`%[-+# 0]*\d*(?:\.\d+)?(\[(\d+)\])?([a-z%])`)

// verbs returns the verb of each argument of a message.
func verbs(text string) []string {
	var all []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(text, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		all = append(all, strconv.Itoa(next)+m[3])
		next++
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Every message of the code is in every catalogue, and the reverse; its arguments are those of the English text, and a message about
// a number has the cases of the language.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	used := usedMessages(t)
	if len(used) < 1000 {
		t.Errorf("the code has %d messages only: the search for them is wrong", len(used))
	}
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("there is no catalogue", err)
	}
	for _, name := range names {
		messages := readCatalogue(t, name)
		var lines strings.Builder
		for _, key := range slices.Sorted(maps.Keys(used)) {
			if _, found := messages[key]; !found {
				lines.WriteString(strconv.Quote(key) + "\t" + strconv.Quote(used[key].one) + "\t" + used[key].place + "\n")
				t.Errorf("%s lacks %q of %s", name, key, used[key].place)
			}
		}
		if file := os.Getenv("MISSING"); file != "" {
			_ = os.WriteFile(file, []byte(lines.String()), 0o600)
		}
		for key, value := range messages {
			u, found := used[key]
			if !found {
				t.Errorf("%s: no code uses %q", name, key)
				continue
			}
			texts := map[string]any{"other": value}
			if u.one != "" {
				if texts, found = value.(map[string]any); !found || texts["other"] == nil {
					t.Errorf("%s: %q is about a number: it needs its cases, such as one and other", name, key)
					continue
				}
			}
			for _, text := range texts {
				if text, isText := text.(string); !isText || text == "" {
					t.Errorf("%s: %q has no text", name, key)
				} else if got, want := verbs(text), verbs(key); !slices.Equal(got, want) && !(u.one != "" && slices.Equal(got, verbs(u.one))) {
					t.Errorf("%s: %q has other arguments than %q", name, text, key)
				}
			}
		}
	}
}
