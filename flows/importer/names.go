package importer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxName is the length of an operation's name.
const maxName = 80

// nameOperations gives each operation its name: of its operationId, or of method and path where that says no more.
// Where several have one name, each of them gets its tag before it, or is named after method and full path. So the name
// of an operation does not depend on the order of the document.
func nameOperations(all []*operation) {
	name := func(op *operation) string {
		if name := nameOfID(op); name != "" {
			return name
		}
		return nameOfPath(op, false)
	}
	count := map[string]int{}
	for _, op := range all {
		op.name = name(op)
		count[op.name]++
	}
	for _, better := range []func(*operation) string{
		func(op *operation) string { return tagged(op) },
		func(op *operation) string { return nameOfPath(op, true) },
	} {
		next := map[string]int{}
		for _, op := range all {
			if count[op.name] > 1 {
				op.name = better(op)
			}
			next[op.name]++
		}
		count = next
	}
	taken := map[string]bool{}
	for _, op := range all {
		op.name = unique(op.name, taken)
	}
}

// tagged puts the first tag before the name.
func tagged(op *operation) string {
	if len(op.tags) == 0 || strings.HasPrefix(op.name, snake(op.tags[0])) {
		return op.name
	}
	return identifier(snake(op.tags[0]) + "_" + op.name)
}

// unique returns the name, with a number if it is taken, and takes it.
func unique(name string, taken map[string]bool) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "_" + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

var (
	springNoise = regexp.MustCompile(`_using_(get|post|put|patch|delete)(_\d+)?$`)
	nestNoise   = regexp.MustCompile(`_?controller(_|$)`)
)

// nameOfID returns the name of the operationId; "" without one, and for one that is only method and path.
func nameOfID(op *operation) string {
	if op.id == "" || strings.Contains(op.id, "/") && strings.Contains(op.id, op.path) {
		return ""
	}
	name := snake(op.id)
	name = springNoise.ReplaceAllString(name, "")
	name = strings.Trim(nestNoise.ReplaceAllString(name, "$1"), "_")
	name = strings.TrimSuffix(name, "_"+snake(strings.Join(pathWords(op.path), "_"))+"_"+op.method) // FastAPI
	if onlyPath(name, op) {
		return ""
	}
	return identifier(withoutStutter(name))
}

// onlyPath reports whether a name is the method and the words of the path in their order, as generators write it. The
// words of parameters and of versions may be missing, or be id.
func onlyPath(name string, op *operation) bool {
	rest, ok := strings.CutPrefix(squeeze(name), op.method)
	if !ok {
		if rest, ok = strings.CutSuffix(squeeze(name), op.method); !ok {
			return false
		}
	}
	words := 0
	for segment := range strings.SplitSeq(op.path, "/") {
		for _, word := range pathWords(segment) {
			word = squeeze(snake(word))
			next, ok := strings.CutPrefix(rest, word)
			if !ok && strings.HasPrefix(segment, "{") {
				next = strings.TrimPrefix(rest, "id")
			}
			if next != rest {
				words++
			}
			rest = next
		}
	}
	return rest == "" && words > 0
}

var stutter = regexp.MustCompile(`^(.+?)_(get|list|create|post|put|update|patch|delete|add|remove)_(.+)$`)

// withoutStutter drops a group that the rest of the name repeats: accounts_get_account.
func withoutStutter(name string) string {
	m := stutter.FindStringSubmatch(name)
	if m == nil || !strings.HasPrefix(m[3], strings.TrimSuffix(m[1], "s")) {
		return name
	}
	return m[2] + "_" + m[3]
}

func squeeze(s string) string { return strings.ReplaceAll(s, "_", "") }

// pathWords are the segments of a path, without the braces of parameters.
func pathWords(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune("/{}.?&=#():;,", c) })
}

var (
	placeholder = regexp.MustCompile(`\{([^{}/]*)\}`)
	version     = regexp.MustCompile(`^(v\d+([._]\d+)*([a-z]+\d*)?|\d{4}-\d{2}(-\d{2})?|\d+(\.\d+)*)$`)
)

// generic are first segments of paths that say nothing about the resource.
var generic = []string{"api", "apis", "rest"}

// nameOfPath names an operation after its resource and what the method does: customers_list. With full, its
// parameters are named, too.
func nameOfPath(op *operation, full bool) string {
	var words []string
	last, single := "", false
	for segment := range strings.SplitSeq(op.path, "/") {
		if segment == "" || words == nil && slices.Contains(generic, strings.ToLower(segment)) || !full && version.MatchString(strings.ToLower(segment)) {
			continue
		}
		fixed := strings.TrimSuffix(placeholder.ReplaceAllString(segment, ""), ".json")
		single = fixed == "" || strings.HasSuffix(segment, "}") || strings.HasSuffix(segment, "}.json")
		if w := snake(fixed); w != "" {
			words, last = append(words, w), w
		}
		if full {
			for _, m := range placeholder.FindAllStringSubmatch(segment, -1) {
				words = append(words, "by_"+snake(m[1]))
			}
		}
	}
	if len(words) == 0 {
		words = append(words, "root")
	}
	verb := verbOf(op, single, last, len(words) > 1)
	if verb != "" {
		words = append(words, verb)
	}
	return identifier(strings.Join(words, "_"))
}

// actions are words for what is done to a resource, as the last one of a path.
var actions = strings.Fields("activate add approve archive assign cancel capture check close complete confirm copy create deactivate delete disable enable execute export finalize generate " +
	"import lock merge move pause preview publish read refund reject release remove render replace reset restart restore resume retry revoke run send start stop submit sync test " +
	"unarchive unassign unlock unpublish update upload upsert validate verify void")

// verbOf says what the method does to a resource; "" when the last word is an action itself.
func verbOf(op *operation, single bool, word string, nested bool) string {
	switch op.method {
	case "get":
		if single || !strings.HasSuffix(word, "s") && !listed(op.success.schema) {
			return "get"
		}
		return "list"
	case "post":
		switch {
		case readingPath.MatchString(op.path) || nested && slices.Contains(actions, word[strings.LastIndexByte(word, '_')+1:]):
			return ""
		case single:
			return "update"
		case nested && !strings.HasSuffix(word, "s") && strings.Contains(op.path, "}/"):
			return ""
		}
		return "create"
	case "put":
		return "replace"
	case "patch":
		return "update"
	}
	return op.method
}

// snake writes a name in small letters, digits and underscores: createUserID becomes create_user_id.
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c):
			b.WriteByte('_')
			continue
		case unicode.IsUpper(c) && i > 0:
			before := runes[i-1]
			next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && next {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return strings.Join(strings.FieldsFunc(b.String(), func(c rune) bool { return c == '_' }), "_")
}

// identifier makes a name begin with a letter and have at most maxName characters.
func identifier(s string) string {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "n" + s
	}
	if len(s) > maxName {
		s = strings.TrimRight(s[:maxName], "_")
	}
	return s
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// paramName returns the name of a param: that of the document where a program can write it as $params.name.
func paramName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	if s := snake(name); s != "" {
		return identifier(s)
	}
	return "param"
}

// selected reports whether an operation is one of those that are asked for: by name, operationId, tag, or METHOD /path.
func (op *operation) selected(only []string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(want string) bool {
		return want == op.name || want == op.id || strings.EqualFold(want, op.method+" "+op.path) ||
			slices.ContainsFunc(op.tags, func(tag string) bool { return strings.EqualFold(want, tag) })
	})
}
