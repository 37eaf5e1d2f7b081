package httpstep

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// parseBody decodes a response body: as the flow says or, for "auto" and "", by the content type. An empty body is
// null.
func parseBody(charger *budget.Charger, as string, header http.Header, body []byte) (any, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if err := charger.Charge(int64(len(body))); err != nil { // for the decoded text
		return nil, err
	}
	mediaType, params := contentType(header)
	if as == "" || as == "auto" {
		as = parseFor(mediaType, body)
	}
	if as == "bytes" {
		return content.EncodeBase64(body), charger.Charge(int64(base64.StdEncoding.EncodedLen(len(body))))
	}
	if coding := header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("the response is compressed with %q; only gzip is understood, or parse: bytes", coding)
	}
	if as == "xml" {
		return content.ParseXML(charger, body, params["charset"])
	}
	text, err := content.DecodeText(body, params["charset"])
	if err != nil {
		return nil, err
	}
	switch as {
	case "json":
		v, err := flows.DecodeJSONOn(charger, text)
		if err != nil {
			return nil, fmt.Errorf("the response cannot be read: %w", err)
		}
		return v, nil
	case "csv":
		return content.ParseCSV(charger, text)
	}
	return bulk.Text(text), nil
}

func contentType(header http.Header) (string, map[string]string) {
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return mediaType, params
}

// parseFor returns the parser for a media type. Without a known media type, valid UTF-8 is text.
func parseFor(mediaType string, body []byte) string {
	switch {
	case mediaType == "application/json", mediaType == "text/json", strings.HasSuffix(mediaType, "+json"):
		return "json"
	case mediaType == "application/xml", mediaType == "text/xml":
		return "xml"
	case mediaType == "text/html", mediaType == "application/xhtml+xml", mediaType == "image/svg+xml":
		return "text"
	case strings.HasSuffix(mediaType, "+xml"):
		return "xml"
	case mediaType == "text/csv":
		return "csv"
	case isText(mediaType):
		return "text"
	case mediaType == "" && utf8.Valid(body):
		return "text"
	}
	return "bytes"
}

func isText(mediaType string) bool {
	switch mediaType {
	case "application/x-www-form-urlencoded", "application/javascript", "application/x-ndjson", "application/jsonl",
		"application/json", "application/xml", "application/yaml", "application/jwt":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}
