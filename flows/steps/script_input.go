package steps

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/steps/internal/content"
)

var (
	// scriptMember matches members of object literals that have the name of the variable steps.
	scriptMember = regexp.MustCompile(`([{,]\s*)steps(\s*:)`)
	// scriptStepName matches uses of the variable steps in the code of a script, and the names after it. A name in quotes is a blank.
	scriptStepName = regexp.MustCompile(`(?:^|\.\.\.|[^.\w$])(steps)\b\s*(?:\??\.\s*([A-Za-z_]\w*)|\[\s*["']([^"'\n]*)["']\s*\])?`)
	// scriptWord matches the other variables in a script.
	scriptWord = regexp.MustCompile(`(?:^|\.\.\.|[^.\w$])(item|event|vars|index)\b`)
	// scriptName matches the name of a step.
	scriptName = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// scriptInput returns the program for the script's input: an object of the variables that the script names. Only steps
// named in the flow are recorded.
func scriptInput(script string) (string, error) {
	sources := map[string]string{"item": ".", "event": "$event", "vars": "$vars", "index": "$index"}
	var members []string
	for _, found := range scriptWord.FindAllStringSubmatch(script, -1) { // also in comments, where they do no harm
		members = append(members, found[1]+": "+sources[found[1]])
	}
	names, err := scriptSteps(script)
	if len(names) > 0 {
		members = append(members, "steps: {"+strings.Join(names, ", ")+"}")
	}
	return "{" + strings.Join(unique(members), ", ") + "}", err
}

// scriptSteps returns the earlier steps that the code of a script names, as members of an object.
func scriptSteps(script string) (members []string, err error) {
	code := scriptMember.ReplaceAllString(scriptCode(script), "${1}     ${2}")
	for _, at := range scriptStepName.FindAllStringSubmatchIndex(code, -1) {
		name := ""
		for _, group := range []int{4, 6} {
			if from := at[group]; from >= 0 {
				name = script[from:at[group+1]]
			}
		}
		if !scriptName.MatchString(name) {
			number := 1 + strings.Count(code[:at[2]], "\n")
			return nil, fmt.Errorf("line %d of the script: steps are the earlier steps: write steps.NAME, and give a variable of your own another name", number)
		}
		members = append(members, name+": $steps."+name)
	}
	return unique(members), nil
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
