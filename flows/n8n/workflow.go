package n8n

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a workflow.
const (
	maxSource  = 8 << 20 // bytes
	maxNodes   = 300
	maxNesting = 40 // of the parameters of a node
)

// workflow is what is read of a workflow's file.
type workflow struct {
	Name     string  `json:"name"`
	Nodes    []*node `json:"nodes"`
	Settings struct {
		Timezone string `json:"timezone"`
	} `json:"settings"`
	Connections map[string]map[string][][]target `json:"connections"`

	byName   map[string]*node
	usedVars []string // in the order of their use
}

// target is one end of a connection.
type target struct {
	Node  string `json:"node"`
	Index int    `json:"index"`
}

// node is a node of a workflow.
type node struct {
	Name             string         `json:"name"`
	Type             string         `json:"type"`
	Version          float64        `json:"typeVersion"`
	Params           object         `json:"parameters"`
	Credentials      map[string]any `json:"credentials"`
	Disabled         bool           `json:"disabled"`
	ContinueOnFail   bool           `json:"continueOnFail"`
	OnError          string         `json:"onError"`
	RetryOnFail      bool           `json:"retryOnFail"`
	MaxTries         int            `json:"maxTries"`
	WaitBetweenTries int            `json:"waitBetweenTries"` // milliseconds
	AlwaysOutputData bool           `json:"alwaysOutputData"`
	ExecuteOnce      bool           `json:"executeOnce"`

	kind string // the type, without the name of n8n's own package
	step string // name of the step that puts out what the node does

	in    []edge // in the order of inputs
	out   []edge // in the order of the file
	dom   *node  // immediate dominator
	kids  []*node
	at    int    // position in a topological order; -1: not reached
	loop  *loop  // of a splitInBatches
	back  string // of a loopBack: the node that it leads to
	endOf string // the loop whose end it decides
}

// edge is a connection.
type edge struct {
	from  *node
	port  int
	to    *node
	input int
}

// read reads a workflow.
func read(src []byte) (*workflow, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("the workflow has more than %d MiB", maxSource>>20)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var w workflow
	if err := dec.Decode(&w); err != nil {
		return nil, fmt.Errorf("this is no workflow of n8n: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("this is no workflow of n8n: there is something after its end")
	}
	if len(w.Nodes) == 0 {
		return nil, errors.New("this is no workflow of n8n: it has no nodes")
	}
	if len(w.Nodes) > maxNodes {
		return nil, fmt.Errorf("the workflow has %d nodes; at most %d are taken", len(w.Nodes), maxNodes)
	}
	w.byName = map[string]*node{}
	for _, n := range w.Nodes {
		switch {
		case n == nil || n.Name == "" || n.Type == "":
			return nil, errors.New("a node has no name or no type")
		case w.byName[n.Name] != nil:
			return nil, fmt.Errorf("two nodes are called %q", n.Name)
		case depth(map[string]any(n.Params)) > maxNesting:
			return nil, fmt.Errorf("the parameters of %q are nested deeper than %d", n.Name, maxNesting)
		}
		w.byName[n.Name] = n
		n.kind = strings.TrimPrefix(n.Type, "n8n-nodes-base.") // nodes of other packages keep theirs
		n.at = -1
	}
	w.name()
	return &w, nil
}

// name gives each node the name of its step.
func (w *workflow) name() {
	taken := map[string]bool{"items": true, "kept": true, "carried": true}
	for _, n := range w.Nodes {
		name := identifier(n.Name)
		if name == "" {
			name = identifier(n.kind)
		}
		if name == "" {
			name = "step"
		}
		for i := 2; taken[name]; i++ {
			name = strings.TrimRight(identifier(n.Name), "_") + "_" + strconv.Itoa(i)
		}
		taken[name] = true
		n.step = name
	}
}

// identifier makes a name of small letters, digits and _ of a text; empty: the text has none of them.
func identifier(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
	}
	name := strings.TrimRight(b.String(), "_")
	if len(name) > 48 {
		name = strings.TrimRight(name[:48], "_")
	}
	if name != "" && name[0] <= '9' {
		name = "step_" + name
	}
	return name
}

// depth returns the nesting of a value.
func depth(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			most = max(most, depth(member))
		}
	case []any:
		for _, element := range v {
			most = max(most, depth(element))
		}
	default:
		return 0
	}
	return most + 1
}

// object is a JSON object with parameters.
type object map[string]any

// get returns what is at a path of names; nil: nothing.
func (o object) get(path ...string) any {
	var v any = map[string]any(o)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// text returns a text, or a number as a text; empty: there is none.
func (o object) text(path ...string) string {
	switch v := o.get(path...).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// word returns a text, or its default.
func (o object) word(without string, path ...string) string {
	if v := o.text(path...); v != "" {
		return v
	}
	return without
}

// on reports whether a parameter is true.
func (o object) on(path ...string) bool {
	v, _ := o.get(path...).(bool)
	return v
}

// list returns the objects of a list.
func (o object) list(path ...string) []object {
	all, _ := o.get(path...).([]any)
	var objects []object
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			objects = append(objects, m)
		}
	}
	return objects
}

// words returns the names of a list, or of a text with commas.
func (o object) words(path ...string) []string {
	var all []string
	switch v := o.get(path...).(type) {
	case string:
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				all = append(all, word)
			}
		}
	case []any:
		for _, element := range v {
			if word, ok := element.(string); ok {
				all = append(all, word)
			}
		}
	case map[string]any:
		for _, field := range object(v).list("fields") {
			all = append(all, field.text("fieldName"))
		}
	}
	return all
}

// fails says what a node does when it fails: "", "continue" or "output".
func (n *node) fails() string {
	switch {
	case n.OnError == "continueErrorOutput":
		return "output"
	case n.OnError == "continueRegularOutput" || n.ContinueOnFail && n.OnError == "":
		return "continue"
	}
	return ""
}

// trigger reports whether the node starts runs.
func (n *node) trigger() bool {
	return strings.HasSuffix(n.kind, "Trigger") || slices.Contains([]string{"webhook", "cron", "start", "interval", "emailReadImap"}, n.kind)
}
