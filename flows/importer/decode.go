package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of one file.
const (
	maxValues  = 4_000_000 // values in it
	maxNesting = 500       // nesting of its values
)

// decode reads JSON or YAML into maps, lists, texts, numbers (json.Number), booleans and null.
func decode(text []byte) (any, error) { return decodeDocument(text, nil) }

// decodeDocument reads a file as decode does, and tells which members an object has twice: the last one is read.
func decodeDocument(text []byte, twice told) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, errors.New("line 1, column 1: the file is not UTF-8: it begins as UTF-16 does")
	}
	if !utf8.Valid(text) {
		return nil, notUTF8(text)
	}
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if len(trimmed) == 0 {
		return nil, errors.New("the file is empty")
	}
	if trimmed[0] == '{' || trimmed[0] == '[' {
		if inner := bytes.TrimLeft(trimmed[1:], " \t\r\n"); trimmed[0] == '[' || len(inner) == 0 || inner[0] == '"' || inner[0] == '}' { // else YAML in flow style
			v, err := decodeJSON(text)
			if err == nil && twice != nil {
				(&jsonDuplicates{text: text, tell: twice}).find()
			}
			return v, err
		}
	}
	return decodeYAML(text, twice)
}

// notUTF8 names the first place that is not UTF-8.
func notUTF8(text []byte) error {
	at := 0
	for at < len(text) {
		c, size := utf8.DecodeRune(text[at:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	before := text[:at]
	line := 1 + bytes.Count(before, []byte("\n"))
	return fmt.Errorf("line %d, column %d: the file is not UTF-8: byte 0x%02x", line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])+1, text[at])
}

func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return v, nil
		}
		err = errors.New("there is more after the value")
	}
	at := d.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	before := text[:min(int(at), len(text))]
	return nil, fmt.Errorf("line %d, column %d: %w", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), err)
}

func decodeYAML(text []byte, twice told) (v any, err error) {
	defer func() {
		if trouble := recover(); trouble != nil { // the library has panicked on hostile files
			v, err = nil, fmt.Errorf("the YAML cannot be read: %v", trouble)
		}
	}()
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	c := yamlReader{left: maxValues, twice: twice, anchors: map[*yaml.Node]any{}, open: map[*yaml.Node]bool{}}
	return c.value(&root, 0)
}

// yamlReader converts the nodes of one file. An anchor is converted once: its aliases share the value.
type yamlReader struct {
	left    int // how many values it may make yet
	anchors map[*yaml.Node]any
	open    map[*yaml.Node]bool // anchors that are being converted
	twice   told
	path    []string // of the value that is being converted
}

func (c *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if c.left--; c.left < 0 {
		return nil, fmt.Errorf("line %d: the file has more than %d values", n.Line, maxValues)
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("line %d: values are nested more than %d deep", n.Line, maxNesting)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return c.value(n.Content[0], depth)
	case yaml.AliasNode:
		return c.alias(n, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, element := range n.Content {
			c.path = append(c.path, strconv.Itoa(i))
			v, err := c.value(element, depth+1)
			c.path = c.path[:len(c.path)-1]
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return c.mapping(n, depth)
	}
	return scalar(n), nil
}

func (c *yamlReader) alias(n *yaml.Node, depth int) (any, error) {
	if v, ok := c.anchors[n.Alias]; ok {
		return v, nil
	}
	if c.open[n.Alias] {
		return nil, fmt.Errorf("line %d: the alias *%s contains itself", n.Line, n.Value)
	}
	c.open[n.Alias] = true
	v, err := c.value(n.Alias, depth)
	delete(c.open, n.Alias)
	c.anchors[n.Alias] = v
	return v, err
}

func (c *yamlReader) mapping(n *yaml.Node, depth int) (any, error) {
	m, own := make(map[string]any, len(n.Content)/2), make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		c.path = append(c.path, key.Value)
		v, err := c.value(n.Content[i+1], depth+1)
		if c.twice != nil && own[key.Value] && key.Tag != "!!merge" {
			c.twice(pointerOf(c.path), key.Line)
		}
		own[key.Value] = true
		c.path = c.path[:len(c.path)-1]
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			merge(m, v)
			continue
		}
		m[key.Value] = v
	}
	return m, nil
}

// merge adds the members of a merge key that the mapping does not have itself.
func merge(m map[string]any, v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, from := range list {
		from, _ := from.(map[string]any)
		for name, v := range from {
			if _, has := m[name]; !has {
				m[name] = v
			}
		}
	}
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}
