package steps

import (
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/steps/internal/content"
)

var (
	// scriptStepName matches the names of earlier steps in a script.
	scriptStepName = regexp.MustCompile(`(?:^|\.\.\.|[^.\w$])steps\b\s*(?:\??\.\s*([A-Za-z_]\w*)|\[\s*["']([A-Za-z_]\w*)["']\s*\])?`)
	// scriptWord matches the other variables in a script.
	scriptWord = regexp.MustCompile(`(?:^|\.\.\.|[^.\w$])(item|event|vars|index)\b`)
)

// scriptInput returns the program for the script's input: an object of the variables that the code names. Only steps
// named in the flow are recorded.
func scriptInput(code string) (string, error) {
	sources := map[string]string{"item": ".", "event": "$event", "vars": "$vars", "index": "$index"}
	var members, names []string
	for _, found := range scriptWord.FindAllStringSubmatch(code, -1) {
		members = append(members, found[1]+": "+sources[found[1]])
	}
	for _, found := range scriptStepName.FindAllStringSubmatch(code, -1) {
		name := found[1] + found[2]
		if name == "" {
			return "", errors.New("write steps.NAME for an earlier step: its name must stand in the script")
		}
		names = append(names, name+": $steps."+name)
	}
	if len(names) > 0 {
		members = append(members, "steps: {"+strings.Join(unique(names), ", ")+"}")
	}
	return "{" + strings.Join(unique(members), ", ") + "}", nil
}

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// safeInteger is the largest integer up to which JavaScript represents all integers exactly.
const safeInteger = 1<<53 - 1

// markIntegers replaces integers that JavaScript cannot represent by marked text.
func markIntegers(mark string, v any) any {
	switch v := v.(type) {
	case json.Number:
		return markInteger(mark, v.String(), v)
	case *big.Int:
		return markInteger(mark, v.String(), v)
	case int:
		return markInteger(mark, strconv.Itoa(v), v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = markIntegers(mark, element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			object[name] = markIntegers(mark, member)
		}
		return object
	}
	return v
}

func markInteger(mark, text string, v any) any {
	const certain = 15 // digits
	if len(text) <= certain || strings.ContainsAny(text, ".eE") {
		return v
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= -safeInteger && n <= safeInteger {
		return v
	}
	return mark + text
}

// unmarkIntegers replaces marked text by numbers.
func unmarkIntegers(mark string, v any) any {
	switch v := v.(type) {
	case string:
		if digits, ok := strings.CutPrefix(v, mark); ok && content.IsNumber(digits) {
			return json.Number(digits)
		}
	case []any:
		for i, element := range v {
			v[i] = unmarkIntegers(mark, element)
		}
	case map[string]any:
		for name, member := range v {
			v[name] = unmarkIntegers(mark, member)
		}
	}
	return v
}
