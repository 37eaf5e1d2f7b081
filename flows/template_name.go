package flows

import (
	"context"
	"strings"
)

// NameRules are what a messaging system says about the names of its topics, subjects or routing keys. The zero value has no rules.
type NameRules struct {
	// Separators are the characters that divide a name into levels, and Wildcards those that stand for levels.
	Separators, Wildcards string
	// Reserved are the beginnings of names that the system itself uses, for its administration for instance.
	Reserved []string
}

// computedMark stands before each computed value of a name while it is rendered. No value has it.
const computedMark = "\x00"

// Name renders the name of a topic, subject or routing key. A value of a ${ } within a longer text stays one level: it must have
// characters, none of which is a separator or a wildcard. A text that is one ${ } is a whole name. Either must not make a name
// reserved; the flow itself may use reserved names, and values in their further levels. what names the parameter in errors. The
// other rules of the system are the caller's to check.
func (t *Template) Name(ctx context.Context, in *Input, what string, rules NameRules) (string, error) {
	if text, ok := t.Literal(); ok {
		return stringify(text), nil
	}
	v, err := t.RenderComputed(ctx, in, func(v any, at Position) (any, error) {
		switch v.(type) {
		case nil, []any, map[string]any:
			return nil, Failed("%s: a value in it is null, a list or an object", what)
		}
		text := stringify(v)
		if text == "" || strings.Contains(text, computedMark) {
			return nil, Failed("%s: a value in it is empty, or has a zero byte", what)
		}
		if i := strings.IndexAny(text, rules.Separators+rules.Wildcards); !at.Alone && i >= 0 {
			return nil, Failed("%s: the value %.100q has the character %q, and would be more than one level; a text that is one ${ } is a whole name", what, text, text[i:i+1])
		}
		return computedMark + text, nil
	})
	if err != nil {
		return "", err
	}
	marked := stringify(v)
	name := strings.ReplaceAll(marked, computedMark, "")
	if end := strings.IndexAny(marked, rules.Separators); end >= 0 && !strings.Contains(marked[:end], computedMark) {
		return name, nil
	}
	for _, begin := range rules.Reserved {
		if strings.HasPrefix(name, begin) {
			return "", Failed("%s: %.100q is computed and begins with %s, which is reserved; a flow may use such a name if it is in the file", what, name, begin)
		}
	}
	return name, nil
}
