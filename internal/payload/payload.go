// Package payload reads the forms in which programs send content over HTTP: JSON, HTML forms, multipart, XML, CSV and
// NDJSON, in any charset. Readers charge the memory of what they make before they make it, and check for the end of
// their work meanwhile. Values are those of flows: map[string]any, []any, string, bool, nil.
package payload
