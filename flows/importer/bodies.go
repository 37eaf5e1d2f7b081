package importer

import (
	"slices"
	"strings"
)

// bodyFields are the members of the body, or one param with all of it.
func (b *builder) bodyFields(op *operation, pages *paging) (fields []*field, open bool) {
	if op.body == nil {
		return nil, false
	}
	reduced, lost := map[string]any{}, map[string]string{}
	fit(reducer{describe: true, lost: lost}, maxParamSchemas, func(r *reducer) { reduced = r.schema(op.body.schema, 0) })
	if isText(op.body.media) && !may(typesOf(op.body.schema.resolve()), "string") {
		b.tell(op.body.node.place(), "a body of "+shorten(plainMedia(op.body.media), 60)+" is a text: its schema is not checked")
		return []*field{b.wholeBody(op, map[string]any{"type": "string"})}, false
	}
	b.noteLost(lost)
	properties, _ := reduced["properties"].(map[string]any)
	if saysNothing(op, reduced) {
		if len(properties) > 0 || reduced["type"] != nil && reduced["type"] != "object" {
			b.note(op.body.node.place(), "the optional body of a %s is not sent", strings.ToUpper(op.method))
		}
		op.body = nil
		return nil, false
	}
	if len(properties) == 0 || reduced["anyOf"] != nil || reduced["type"] != "object" || !op.body.hasMembers() {
		return []*field{b.wholeBody(op, reduced)}, false
	}
	required, _ := reduced["required"].([]any)
	members := membersOf(op.body.schema)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if pages != nil && pages.inBody == name && !slices.Contains(required, any(name)) {
			continue
		}
		if !op.body.json() && b.isFormCredential(op, name, members[name].str("description")) {
			b.withoutCredential(op, "form", name, members[name].place())
			continue
		}
		f := &field{name: name, in: "body", wire: name, schema: properties[name].(map[string]any), required: slices.Contains(required, any(name))}
		f.setDefault(members[name].get("default"))
		if isFile(members[name]) && !op.body.json() {
			f.schema = fileSchema(f.schema)
		} else if items := members[name].resolve().member("items"); plainMedia(op.body.media) == "multipart/form-data" && items.exists() && isFile(items) {
			f.schema["items"] = fileSchema(map[string]any{})
		}
		fields = append(fields, f)
	}
	_, further := reduced["additionalProperties"].(map[string]any)
	return fields, further || reduced["additionalProperties"] == true
}

// saysNothing reports whether the body has nothing to send: an object without members, or anything at all in a GET that
// does not need it.
func saysNothing(op *operation, reduced map[string]any) bool {
	properties, described := reduced["properties"].(map[string]any)
	empty := len(properties) == 0 && reduced["anyOf"] == nil && (described && reduced["additionalProperties"] == nil || reduced["additionalProperties"] == false)
	return empty || !op.body.required && (op.method == "get" || op.method == "head")
}

// hasMembers reports whether the body is written of members: JSON or a form.
func (b *body) hasMembers() bool {
	return b.json() || plainMedia(b.media) == "application/x-www-form-urlencoded" || plainMedia(b.media) == "multipart/form-data"
}

// json reports whether the body is sent as JSON. Any media type, or none that steps write, counts as JSON for a schema
// that says object or array.
func (b *body) json() bool {
	return isJSON(b.media) || plainMedia(b.media) == "*/*" && !isFile(b.schema)
}

// wholeBody is the param that has all of the body.
func (b *builder) wholeBody(op *operation, schema map[string]any) *field {
	if !op.body.json() && !isText(op.body.media) && !op.body.hasMembers() {
		schema = fileSchema(schema)
	}
	if schema["description"] == nil {
		text := oneLine(op.body.description, 200)
		if text == "" {
			text = "Body of the request."
		}
		schema["description"] = text
	}
	return &field{name: "body", in: "body", wire: "body", whole: true, schema: schema, required: true}
}

func fileSchema(schema map[string]any) map[string]any {
	out := map[string]any{"type": "object", "required": []any{"file"}, "properties": map[string]any{"file": map[string]any{}}}
	said, _ := schema["description"].(string)
	out["description"] = strings.TrimSpace(said + " A file of the run.")
	return out
}

// isFile reports whether a schema stands for the bytes of a file.
func isFile(n node) bool {
	n = n.resolve()
	return n.str("type") == "file" || n.str("type") == "string" && (n.str("format") == "binary" || n.str("contentMediaType") != "" && n.str("contentEncoding") == "") ||
		n.str("type") == "" && n.str("contentMediaType") == "application/octet-stream"
}

// membersOf returns the properties of a schema as they are written, those of allOf and of a single variant included.
func membersOf(n node) map[string]node {
	all := map[string]node{}
	addMembers(all, n, map[string]bool{})
	return all
}

// addMembers visits each schema once.
func addMembers(all map[string]node, n node, seen map[string]bool) {
	n = n.resolve()
	if !n.exists() || seen[n.place()] || len(seen) > 200 {
		return
	}
	seen[n.place()] = true
	properties := n.get("properties")
	for _, name := range properties.names() {
		if _, has := all[name]; !has {
			all[name] = properties.member(name)
		}
	}
	parts := n.list("allOf")
	for _, key := range []string{"anyOf", "oneOf"} {
		if list := n.list(key); len(list) == 1 {
			parts = append(parts, list[0])
		}
	}
	for _, part := range parts {
		addMembers(all, part, seen)
	}
}
