package mongodb

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/penstock/penstock/flows"
)

// guard renders documents whose computed values are data.
type guard struct {
	operators bool // computed values may have operators
	noNull    bool // they may not be null
	noPaths   bool // they may not be texts that begin with $, which pipelines read as fields
}

// document renders an object. The empty object for a nil template.
func (g guard) document(ctx context.Context, in *flows.Input, what string, t *flows.Template) (bson.D, error) {
	if t == nil {
		return bson.D{}, nil
	}
	v, err := g.render(ctx, in, what, t)
	if err != nil {
		return nil, err
	}
	return toDocument(what, v, t.Order())
}

func (g guard) render(ctx context.Context, in *flows.Input, what string, t *flows.Template) (any, error) {
	return t.RenderComputed(ctx, in, func(v any, at flows.Position) (any, error) {
		if g.operators {
			return v, nil
		}
		g := g
		switch meaningAt(at.Members) {
		case code:
			return nil, flows.Failed("%s: a value is a part of a program, which runs on the server: compare with operators, or pass it as an argument", what)
		case pattern:
			switch v := v.(type) {
			case string:
				return quotePattern(v), nil
			case nil, bool, []any, map[string]any:
			default: // a number, whose dot is a wildcard
				return quotePattern(string(flows.EncodeJSON(v))), nil
			}
		case expression:
			g.noPaths = true
		case literal:
			g.noPaths = false
		}
		return v, g.check(what, v)
	})
}

// check refuses a computed value that is more than data.
func (g guard) check(what string, v any) error {
	if g.operators {
		return nil
	}
	switch v := v.(type) {
	case nil:
		if g.noNull {
			return flows.Failed("%s: a value is null, which documents without the field meet, too: filter the items first, or write null without ${ }", what)
		}
	case string:
		if g.noPaths && strings.HasPrefix(v, "$") {
			return flows.Failed("%s: the value %.50q begins with $, and would name a field; in an expression, {$literal: …} makes it a text", what, v)
		}
	case []any:
		for _, element := range v {
			if err := g.check(what, element); err != nil {
				return err
			}
		}
	case map[string]any:
		if isExtended(v) {
			return nil
		}
		for name, member := range v {
			if strings.HasPrefix(name, "$") {
				return flows.Failed("%s: a value has the operator %.50q", what, name)
			}
			if err := g.check(what, member); err != nil {
				return err
			}
		}
	}
	return nil
}

// extended are the types of Extended JSON that are data: no regular expressions, and no code.
var extended = []string{"$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$binary", "$uuid", "$timestamp", "$minKey", "$maxKey"}

// isExtended reports whether an object is a value of Extended JSON.
func isExtended(object map[string]any) bool {
	if len(object) != 1 {
		return false
	}
	for name := range object {
		return slices.Contains(extended, name)
	}
	return false
}
