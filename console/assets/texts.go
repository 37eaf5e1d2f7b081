package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/console/language"
)

// Calls of the functions of texts.js; the key of a message about a number is the English text of more. Keys are in single quotes.
var (
	callOfT  = regexp.MustCompile(`\bT\('((?:[^'\\]|\\.)*)'`)
	callOfTN = regexp.MustCompile(`\bTN\([^']*, '((?:[^'\\]|\\.)*)', '((?:[^'\\]|\\.)*)'`)
)

// TextsIn returns the messages of a script: the English text of each, and that for 1 of those about a number, by their keys.
func TextsIn(script string) map[string]string {
	found := map[string]string{}
	for _, m := range callOfT.FindAllStringSubmatch(script, -1) {
		found[unquoted(m[1])] = ""
	}
	for _, m := range callOfTN.FindAllStringSubmatch(script, -1) {
		found[unquoted(m[2])] = unquoted(m[1])
	}
	return found
}

func unquoted(text string) string { return strings.NewReplacer(`\'`, "'", `\\`, `\`).Replace(text) }

// TextsName is the name of the script with the messages of a language for the other scripts. English has none.
func TextsName(l *language.Language) string { return "texts." + l.Code() + ".js" }

// addTexts adds the scripts with messages to the files by their names.
func addTexts(byName map[string]*asset) error {
	keys := map[string]bool{}
	for name, file := range byName {
		if path.Ext(name) == ".js" && !strings.HasPrefix(name, "vendor/") {
			for key := range TextsIn(string(file.source)) {
				keys[key] = true
			}
		}
	}
	for _, l := range language.All()[1:] {
		text, err := json.Marshal(l.Messages(slices.Sorted(maps.Keys(keys))))
		if err != nil {
			return fmt.Errorf("write texts of scripts: %w", err)
		}
		if byName[TextsName(l)], err = newAsset(TextsName(l), append([]byte("window.penstockTexts="), text...)); err != nil {
			return err
		}
	}
	return nil
}
