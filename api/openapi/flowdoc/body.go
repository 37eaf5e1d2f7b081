package flowdoc

import (
	"maps"
	"slices"

	"github.com/penstock/penstock/internal/payload"
)

// bodyRule is what a flow says of the bodies of requests.
type bodyRule struct {
	schema any          // JSON Schema of what the body becomes; nil: none
	form   payload.Form // how it is read; empty: by its content type
	files  bool         // the flow has max_body
}

// The media types of bodies that are no JSON.
const (
	typeMultipart = "multipart/form-data"
	typeBytes     = "application/octet-stream"
)

// mediaTypes are the media types by which bodies of a form are described. Read only.
var mediaTypes = map[payload.Form]string{
	payload.URLEncoded: "application/x-www-form-urlencoded", payload.Nested: "application/x-www-form-urlencoded", payload.Multipart: typeMultipart,
	payload.XML: "application/xml", payload.CSV: "text/csv", payload.NDJSON: "application/x-ndjson", payload.Text: "text/plain",
	payload.Bytes: typeBytes, payload.File: typeBytes,
}

// binaryMedia describes bytes. Generators know them by this format, which is that of OpenAPI 3.0.
func binaryMedia() object { return object{"schema": object{"type": "string", "format": "binary"}} }

// request describes the body of a request by its media types: that of the form that the flow declares, or else JSON and,
// if the flow takes files, forms with files and bytes. JSON is left out where the schema requires a file.
func (d *describer) request(out *Operation, role string, rule bodyRule, all []sample) object {
	fields, needed := fileFields(rule.schema, all)
	content := object{}
	switch media := mediaTypes[rule.form]; {
	case media == typeMultipart:
		content[media] = out.form(role, rule.schema, fields)
	case media == typeBytes:
		content[media] = binaryMedia()
	case media == mediaTypes[payload.URLEncoded]:
		content[media] = out.value(role, rule.schema, all)
	case media != "":
		content[media] = object{"schema": object{"type": "string"}}
	case rule.files && needed:
		content[typeMultipart] = out.form(role, rule.schema, fields)
	default:
		content["application/json"] = out.value(role, rule.schema, all)
		if rule.files && rule.form != payload.JSON {
			content[typeMultipart], content[typeBytes] = out.form(role+"Form", rule.schema, fields), binaryMedia()
		}
	}
	body := object{"content": content}
	if rule.schema != nil && !fits(rule.schema, nil) {
		body["required"] = true
	}
	return body
}

// value describes a body that a schema fits as it is, with examples.
func (o *Operation) value(role string, schema any, all []sample) object {
	media := object{"schema": object{}}
	if schema != nil {
		media["schema"] = o.component(role, schema)
	}
	if examples := examplesOf(all, schema, func(s sample) (any, bool) { return s.Body, s.Body != nil && !hasFile(s.Body) }); len(examples) > 0 {
		media["examples"] = examples
	}
	return media
}

// form describes a form with files. Fields that are no texts are sent as JSON.
func (o *Operation) form(role string, schema any, files []string) object {
	s := maps.Clone(asObject(schema))
	if s == nil {
		s = object{}
	}
	properties, encoding := maps.Clone(asObject(s["properties"])), object{}
	if properties == nil {
		properties = object{}
	}
	for name, property := range properties {
		if !hasType(asObject(property), "string") {
			encoding[name] = object{"contentType": "application/json"}
		}
	}
	for _, name := range files {
		file := object{"type": "string", "format": "binary"}
		if description := asObject(properties[name])["description"]; description != nil {
			file["description"] = description
		}
		if hasType(asObject(properties[name]), "array") {
			file = object{"type": "array", "items": file}
		}
		properties[name] = file
		delete(encoding, name)
	}
	if s["type"] = "object"; len(properties) > 0 {
		s["properties"] = properties
	}
	media := object{"schema": s}
	if len(s) > 1 {
		media["schema"] = o.component(role, s)
	}
	if len(encoding) > 0 {
		media["encoding"] = encoding
	}
	return media
}

// fileFields are the fields of a form that are files, sorted: those that the schema describes as files, or as lists of
// them, and those that are files in tests. needed: the schema requires one.
func fileFields(schema any, all []sample) (names []string, needed bool) {
	s := asObject(schema)
	for name, property := range asObject(s["properties"]) {
		if describesFile(s, property) || describesFile(s, asObject(property)["items"]) {
			names = append(names, name)
			needed = needed || slices.Contains(listOf(s["required"]), any(name))
		}
	}
	for _, sample := range all {
		for name, v := range asObject(sample.Body) {
			if isFile(v) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, needed
}

// describesFile reports whether a part of a schema describes a file: an object with the member "file".
func describesFile(root object, part any) bool {
	if to, ok := asObject(part)["$ref"].(string); ok && len(to) > 1 && to[0] == '#' {
		part, _ = find(root, to[1:])
	}
	return asObject(asObject(part)["properties"])["file"] != nil
}

// isFile reports whether a value in the event of a test is a file: {file: {text: …}}.
func isFile(v any) bool {
	o := asObject(v)
	return len(o) == 1 && asObject(o["file"]) != nil
}

// hasFile reports whether a value in the event of a test is a file or contains one.
func hasFile(v any) bool {
	switch v := v.(type) {
	case object:
		return isFile(v) || slices.ContainsFunc(slices.Collect(maps.Values(v)), hasFile)
	case []any:
		return slices.ContainsFunc(v, hasFile)
	}
	return false
}
