package payload

import (
	"mime"
	"slices"
	"strings"
)

// Form is a form of content.
type Form string

// The forms.
const (
	Auto       Form = "auto" // by the content type, and for text by what it looks like
	JSON       Form = "json"
	URLEncoded Form = "form"
	Nested     Form = "nested_form" // URLEncoded, with names in brackets as PHP reads them
	Multipart  Form = "multipart"
	XML        Form = "xml"
	CSV        Form = "csv"
	NDJSON     Form = "ndjson" // one JSON value on each line
	Text       Form = "text"
	Bytes      Form = "bytes"
	File       Form = "file" // stored instead of being read; Reader does not know it
)

// The media types whose name does not say their form. Read only.
var (
	jsonTypes = []string{"application/json", "text/json", "text/x-json", "application/x-json", "application/csp-report"}
	lineTypes = []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines", "text/x-ndjson"}
	textTypes = []string{"application/javascript", "application/yaml", "application/jwt", "application/xhtml+xml", "image/svg+xml"}
)

// FormOf returns the form of content of a media type, as MediaType returns it; empty for no type, Bytes for an unknown one.
func FormOf(media string) Form {
	switch {
	case media == "":
		return ""
	case slices.Contains(jsonTypes, media), strings.HasSuffix(media, "+json"):
		return JSON
	case slices.Contains(lineTypes, media):
		return NDJSON
	case slices.Contains(textTypes, media):
		return Text
	case media == "application/xml", media == "text/xml", strings.HasSuffix(media, "+xml"):
		return XML
	case media == "text/csv":
		return CSV
	case media == "application/x-www-form-urlencoded":
		return URLEncoded
	case media == "multipart/form-data":
		return Multipart
	case strings.HasPrefix(media, "text/"):
		return Text
	}
	return Bytes
}

// IsMediaType reports whether a Content-Type names a type and a subtype, or is empty. Its parameters do not matter.
func IsMediaType(contentType string) bool {
	media, _ := MediaType(contentType)
	return media != "" || strings.TrimSpace(contentType) == ""
}

// MediaType returns the media type of a Content-Type in lower case, and its parameters. Parameters that cannot be read are
// ignored; a type that cannot be read is none.
func MediaType(contentType string) (media string, params map[string]string) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media, _, _ = strings.Cut(media, ",") // two types, when a header was written twice
		media = strings.ToLower(strings.TrimSpace(media))
	}
	if kind, sub, ok := strings.Cut(media, "/"); !ok || kind == "" || kind == "*" || sub == "" {
		return "", params
	}
	return media, params
}
